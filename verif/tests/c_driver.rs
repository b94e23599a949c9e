// SPDX-License-Identifier: Apache-2.0
//! The driver in C (sw/c) on the chip: what it loads, runs and programs gives what the driver in Rust gets, in the same cycles; what is
//! wrong it says, and never waits for what cannot come.
//!
//! C waits where Rust would await, so it runs in a thread of its own: each call of one of its platform's functions is a message to the
//! simulation, which stands still until the next one comes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use systole_backends::model_transport::ModelTransport;
use systole_backends::{Backend, run_frames};
use systole_c::{Device, Failure, Image as CImage, Platform, Stream, Waiting, crc32};
use systole_chip::{Options, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, RunOutput, Transport};
use systole_isa::regs::{ERRORS, ID_VALUE, TOKENS, offset};
use systole_isa::{Config, Image, fingerprint};
use systole_verif::random_vector;
use systole_workloads::{digits, random};

/// What C asks of the simulation.
enum Ask {
    Read(u32),
    Write(u32, u32),
    Send(Stream, Vec<u8>),
    Receive,
    Idle(Waiting),
}

/// What it is told; `None` where that failed.
type Answer = Option<Said>;

enum Said {
    Done,
    Word(u32),
    Frame(Vec<u8>),
    Interrupt(bool),
}

/// The platform of the driver in C: a line to the simulation.
struct Remote {
    ask: Sender<Ask>,
    answer: Receiver<Answer>,
    /// How many calls work before none does any more.
    left: Option<u32>,
}

impl Remote {
    fn call(&mut self, ask: Ask) -> Answer {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        self.ask.send(ask).ok()?;
        self.answer.recv().ok()?
    }
}

impl Platform for Remote {
    fn read32(&mut self, offset: u32) -> Option<u32> {
        match self.call(Ask::Read(offset))? {
            Said::Word(value) => Some(value),
            _ => None,
        }
    }

    fn write32(&mut self, offset: u32, value: u32) -> bool {
        self.call(Ask::Write(offset, value)).is_some()
    }

    fn send(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        self.call(Ask::Send(stream, bytes.to_vec())).is_some()
    }

    fn receive(&mut self, bytes: &mut [u8]) -> bool {
        match self.call(Ask::Receive) {
            Some(Said::Frame(frame)) if frame.len() >= bytes.len() => {
                bytes.copy_from_slice(&frame[..bytes.len()]);
                true
            }
            _ => false,
        }
    }

    fn idle(&mut self, waiting: Waiting) -> Option<bool> {
        match self.call(Ask::Idle(waiting))? {
            Said::Interrupt(came) => Some(came),
            _ => None,
        }
    }
}

/// Answers until C is through. `irq`: it sleeps until the interrupt; otherwise it looks again and again.
async fn serve(transport: &mut impl Transport, irq: bool, ask: &Receiver<Ask>, answer: &Sender<Answer>) {
    while let Ok(asked) = ask.recv() {
        let said = match asked {
            Ask::Read(offset) => transport.read(offset).await.ok().map(Said::Word),
            Ask::Write(offset, value) => transport.write(offset, value).await.ok().map(|()| Said::Done),
            Ask::Send(Stream::Image, bytes) => transport.send_image(&bytes).await.ok().map(|()| Said::Done),
            Ask::Send(Stream::Input, bytes) => transport.queue_frame(bytes).await.ok().map(|()| Said::Done),
            Ask::Receive => transport.receive_frame(100_000).await.ok().map(Said::Frame),
            Ask::Idle(Waiting::Run) if irq => transport.wait_irq(2_000).await.ok().map(Said::Interrupt),
            Ask::Idle(_) => transport.pause(8).await.ok().map(|_| Said::Interrupt(false)),
        };
        if answer.send(said).is_err() {
            break;
        }
    }
}

/// How C is run: with the interrupt or without, how often it looks, how many of its calls work.
#[derive(Clone, Copy)]
struct How {
    irq: bool,
    patience: u32,
    left: Option<u32>,
}

const POLLED: How = How { irq: false, patience: 100_000, left: None };
const INTERRUPT: How = How { irq: true, ..POLLED };

/// Runs C in a thread of its own on a machine behind a transport.
async fn in_c<T: Send + 'static>(
    transport: &mut impl Transport,
    how: How,
    job: impl FnOnce(Result<Device, Failure>) -> T + Send + 'static,
) -> T {
    let ((ask, asked), (answer, answered)) = (channel(), channel());
    let remote = Remote { ask, answer: answered, left: how.left };
    let thread = std::thread::spawn(move || job(Device::open(Box::new(remote), how.patience, how.irq)));
    serve(transport, how.irq, &asked, &answer).await;
    drop(answer);
    thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e))
}

/// The same on the instruction-level model.
fn on_model<T: Send + 'static>(config: &Config, how: How, job: impl FnOnce(Result<Device, Failure>) -> T + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { in_c(&mut ModelTransport::new(config), how, job).await })
}

fn named(name: &str) -> Config {
    Config::named(name).unwrap()
}

fn code(name: &str) -> u32 {
    ERRORS.iter().find(|e| e.name == name).unwrap().bit
}

/// A small program, its file, a frame, and what the instruction-level model makes of it.
struct Work {
    image: Image,
    file: Vec<u8>,
    frame: Vec<u8>,
    output: RunOutput,
}

fn work(config: &Config, seed: u64) -> Work {
    let (network, input) = random::gemm(seed, 3, 20 + seed as usize, 2 * config.cols as usize, false);
    let image = compile(&network.graph().unwrap(), config, &Default::default()).unwrap().image;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = image.input.pack(&values, image.in_bytes as usize);
    let mut machine = systole_golden::Machine::new(config.clone());
    machine.load_image(&image).unwrap();
    let run = machine.run(&frame).unwrap();
    Work { file: image.to_bytes(), frame, output: RunOutput { frame: run.frame, cycles: run.cycles }, image }
}

/// The digits network on `nano`: all images, half of them by looking at registers, half by interrupts and with the next image on its
/// way while one is computed. Each output byte and each count of cycles is that of the driver in Rust.
#[test]
fn all_digits_through_c_give_what_rust_gets_in_the_same_cycles() {
    let config = named("nano");
    let set = digits::load().unwrap();
    let image = compile(&set.network.graph().unwrap(), &config, &Default::default()).unwrap().image;
    let pack = |codes: &Vec<i8>| {
        let values: Vec<i32> = codes.iter().map(|&c| c.into()).collect();
        image.input.pack(&values, image.in_bytes as usize)
    };
    let frames: Vec<Vec<u8>> = set.images.iter().map(pack).collect();
    let rust = run_frames(Backend::Rtl, &config, &image, frames.clone(), &Options::default(), |_| ()).unwrap().outputs;
    let expected = rust.clone();
    let sizes: Vec<u32> = config.parameters().iter().map(|p| p.1).collect();
    let (file, half) = (image.to_bytes(), frames.len() / 2);
    let (tensors, frame_bytes) =
        ([image.input.clone(), image.output.clone()], (image.in_bytes as usize, image.out_bytes as usize));
    let outputs = run_chip(&config, &Options::default(), move |mut t| async move {
        let (first, second) = (frames[..half].to_vec(), frames[half..].to_vec());
        let again = file.clone();
        let mut outputs = in_c(&mut t, POLLED, move |device| {
            let mut device = device.unwrap();
            let image = CImage::read(&file).unwrap();
            for (n, size) in sizes.iter().enumerate() {
                assert_eq!(device.size(n as u32), *size, "size {n}");
            }
            for (output, tensor) in tensors.iter().enumerate() {
                for (i, j) in [(0, 0), (0, 1), (0, tensor.cols - 1), (tensor.rows - 1, tensor.cols / 2)] {
                    assert_eq!(image.element(output == 1, i, j), tensor.byte(i, j));
                }
            }
            device.load(&image).unwrap();
            assert_eq!(device.frames(), frame_bytes);
            first.iter().map(|frame| device.run(frame).unwrap()).collect::<Vec<_>>()
        })
        .await;
        outputs.extend(
            in_c(&mut t, INTERRUPT, move |device| {
                let mut device = device.unwrap();
                device.load(&CImage::read(&again).unwrap()).unwrap();
                device.send(&second[0]).unwrap();
                let run = |n: usize| {
                    device.start().unwrap();
                    second.get(n + 1).into_iter().for_each(|next| device.send(next).unwrap());
                    device.wait().unwrap();
                    let cycles = device.cycles().unwrap();
                    (device.receive().unwrap(), cycles)
                };
                (0..second.len()).map(run).collect::<Vec<_>>()
            })
            .await,
        );
        outputs
    })
    .unwrap();
    assert_eq!(outputs.len(), expected.len());
    for (n, ((frame, cycles), expected)) in outputs.iter().zip(&expected).enumerate() {
        assert_eq!((&frame[..], *cycles), (&expected.frame[..image.out_bytes as usize], expected.cycles), "image {n}");
        let answer = digits::answer(&image.output.unpack(frame).unwrap());
        assert_eq!(answer, digits::answer(&set.logits[n].iter().map(|&v| v.into()).collect::<Vec<i32>>()), "image {n}");
    }
}

/// What C programs wakes behind a reset, for C and for Rust, and what Rust programs does for C: their slots are the same, byte by byte,
/// as the CRC of an image says.
#[test]
fn an_image_that_c_programs_is_the_one_that_rust_would() {
    let config = named("tiny");
    let (one, two) = (work(&config, 1), work(&config, 2));
    run_chip(&config, &Options::default(), move |mut t| async move {
        let (file, other, frame) = (one.file.clone(), two.file.clone(), one.frame.clone());
        in_c(&mut t, POLLED, move |device| {
            let mut device = device.unwrap();
            assert_eq!(device.wake(false), Err(Failure::Machine(code("RRAM_NO_IMAGE"))));
            assert_eq!(device.adopt(None), Err(Failure::NoImage));
            device.program(&CImage::read(&file).unwrap()).unwrap();
        })
        .await;
        t.power_cycle().await;
        let file = one.file.clone();
        let ran = in_c(&mut t, INTERRUPT, move |device| {
            let mut device = device.unwrap();
            assert_eq!(device.adopt(Some(&CImage::read(&other).unwrap())), Err(Failure::OtherImage));
            assert_eq!(device.run(&[]), Err(Failure::NoImage));
            device.adopt(Some(&CImage::read(&file).unwrap())).unwrap();
            device.run(&frame).unwrap()
        })
        .await;
        assert_eq!((&ran.0[..one.output.frame.len()], ran.1), (&one.output.frame[..], one.output.cycles));
        // The same slot to Rust, and its other slot to C.
        let mut driver = Driver::connect(t).await.unwrap();
        driver.adopt(&one.image).await.unwrap();
        assert_eq!(driver.run(&one.frame).await.unwrap(), one.output);
        driver.program(&two.image, None).await.unwrap();
        let (file, frame) = (two.file.clone(), two.frame.clone());
        for warm in [false, true] {
            let (file, frame) = (file.clone(), frame.clone());
            let ran = in_c(driver.transport(), POLLED, move |device| {
                let mut device = device.unwrap();
                device.wake(warm).unwrap();
                device.adopt(Some(&CImage::read(&file).unwrap())).unwrap();
                device.run(&frame).unwrap()
            })
            .await;
            assert_eq!((&ran.0[..two.output.frame.len()], ran.1), (&two.output.frame[..], two.output.cycles), "warm {warm}");
        }
    })
    .unwrap();
}

/// Machines that have no name, words of the vector unit behind the lookup tables, words of streams of every width: on the model.
#[test]
fn c_loads_what_rust_loads_on_machines_of_every_kind() {
    for name in ["tiny", "small", "wide", "large", "slim", "small,POST_LANES=2,RRAM_CTRL=0", "nano,ACC_DEPTH=64,IN_DEPTH=512"] {
        let config = named(name);
        let w = work(&config, 3);
        let (file, frame) = (w.file.clone(), w.frame.clone());
        let (output, cycles) = on_model(&config, POLLED, move |device| {
            let mut device = device.unwrap();
            device.load(&CImage::read(&file).unwrap()).unwrap();
            device.run(&frame).unwrap()
        });
        assert_eq!((&output[..w.output.frame.len()], cycles), (&w.output.frame[..], w.output.cycles), "{name}");
    }
    for name in ["tiny,VEC_LANES=4", "base"] {
        let config = named(name);
        let case = random_vector::program(&config, 5);
        let run = &case.runs[0];
        let mut machine = systole_golden::Machine::new(config.clone());
        machine.load_image(&case.image).unwrap();
        machine.set_chunk(run.pos, &run.tokens, 0);
        let expected = machine.run(&run.frame).unwrap();
        let (file, frame) = (case.image.to_bytes(), run.frame.clone());
        let tokens = run.tokens.iter().zip(TOKENS).map(|(&value, name)| (offset(name), value));
        let words: Vec<(u32, u32)> = tokens.chain([(offset("POS"), run.pos)]).collect();
        let (output, cycles) = on_model(&config, POLLED, move |device| {
            let mut device = device.unwrap();
            device.load(&CImage::read(&file).unwrap()).unwrap();
            assert!(words.iter().all(|&(register, value)| device.write32(register, value)));
            device.run(&frame).unwrap()
        });
        assert_eq!((&output[..expected.frame.len()], cycles), (&expected.frame[..], expected.cycles), "{name}");
    }
}

/// A machine that only says who it is.
struct Plate {
    id: u32,
    fingerprint: u32,
}

impl Platform for Plate {
    fn read32(&mut self, at: u32) -> Option<u32> {
        Some(if at == offset("ID") { self.id } else { self.fingerprint })
    }

    fn write32(&mut self, _: u32, _: u32) -> bool {
        false
    }

    fn send(&mut self, _: Stream, _: &[u8]) -> bool {
        false
    }

    fn receive(&mut self, _: &mut [u8]) -> bool {
        false
    }

    fn idle(&mut self, _: Waiting) -> Option<bool> {
        None
    }
}

#[test]
fn c_tells_strangers_and_other_hardware_apart() {
    let open = |id, fingerprint| Device::open(Box::new(Plate { id, fingerprint }), 0, false).err();
    assert_eq!(open(0, fingerprint()), Some(Failure::NotSystole));
    assert_eq!(open(u32::MAX, u32::MAX), Some(Failure::NotSystole));
    assert_eq!(open(ID_VALUE, fingerprint() ^ 1), Some(Failure::OtherIsa));
    // A fingerprint in the place of every size is no machine.
    assert_eq!(open(ID_VALUE, fingerprint()), Some(Failure::NotSystole));

    let (nano, slim) = (named("nano"), named("slim"));
    let file = work(&slim, 1).file;
    let said = on_model(&nano, POLLED, move |device| {
        let mut device = device.unwrap();
        let image = CImage::read(&file).unwrap();
        (device.load(&image), device.program(&image), device.start(), device.adopt(None))
    });
    let other = Err(Failure::OtherMachine);
    assert_eq!(said, (other, other, Err(Failure::NoImage), Err(Failure::NoImage)));
    let file = work(&nano, 1).file;
    let said = on_model(&nano, POLLED, move |device| device.unwrap().program(&CImage::read(&file).unwrap()));
    assert_eq!(said, Err(Failure::Machine(code("RRAM_ABSENT"))));
}

/// Files cut anywhere, and with any bit changed; where the CRC is made right again, C takes nothing whole that Rust does not, and
/// everything that Rust does.
#[test]
fn damaged_images_are_refused_by_c_as_by_rust() {
    let file = work(&named("small"), 2).file;
    assert!(CImage::read(&file).is_ok());
    assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
    assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xcbf4_3926);
    for length in 0..file.len() {
        assert_eq!(CImage::read(&file[..length]).err(), Some(Failure::BadImage), "{length} bytes");
    }
    let longer = [&file[..], &[0; 4]].concat();
    assert_eq!(CImage::read(&longer).err(), Some(Failure::BadImage));
    let (body, mut agreed) = (file.len() - 4, 0);
    for bit in 0..file.len() * 8 {
        let mut wrong = file.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(CImage::read(&wrong).is_err(), "bit {bit}");
        if bit / 8 < body && (bit / 8 < 56 || bit % 61 == 0) {
            let crc = crc32(0, &wrong[..body]);
            wrong[body..].copy_from_slice(&crc.to_le_bytes());
            let (c, rust) = (CImage::read(&wrong), Image::from_bytes(&wrong));
            assert!(c.is_ok() || rust.is_err(), "bit {bit}: {:?}", c.err());
            agreed += u32::from(c.is_ok() == rust.is_ok());
        }
    }
    assert!(agreed > 500, "{agreed}");
}

/// Wherever the platform fails, the driver says so and ends.
#[test]
fn c_ends_whatever_fails() {
    let config = named("tiny");
    let w = work(&config, 4);
    let run = |how: How| {
        let (file, frame) = (w.file.clone(), w.frame.clone());
        on_model(&config, how, move |device| {
            let mut device = device?;
            device.load(&CImage::read(&file)?)?;
            device.run(&frame)
        })
    };
    // Each call in turn is the first that fails.
    let mut calls = 0;
    while run(How { left: Some(calls), ..POLLED }).inspect_err(|e| assert_eq!(*e, Failure::Bus)).is_err() {
        calls += 1;
    }
    assert!(calls > 60, "{calls} calls");
}

/// On the chip: a start without input, one start too many, a frame of another length. Behind each recovery it runs as ever.
#[test]
fn c_says_what_the_chip_refuses_and_recovers() {
    let config = named("nano");
    let w = work(&config, 4);
    run_chip(&config, &Options::default(), move |mut t| async move {
        for (round, how) in [How { patience: 40, ..POLLED }, How { patience: 40, ..INTERRUPT }].into_iter().enumerate() {
            let (file, frame) = (w.file.clone(), w.frame.clone());
            let ran = in_c(&mut t, how, move |device| {
                let mut device = device.unwrap();
                device.load(&CImage::read(&file).unwrap()).unwrap();
                device.start().unwrap();
                assert_eq!(device.wait(), Err(Failure::Late));
                device.recover().unwrap();
                let first = device.run(&frame).unwrap();
                (0..3).for_each(|_| device.start().unwrap());
                assert_eq!(device.wait(), Err(Failure::Machine(code("START_OVERRUN"))));
                device.recover().unwrap();
                assert_eq!(device.run(&frame).unwrap(), first);
                first
            })
            .await;
            assert_eq!((&ran.0[..w.output.frame.len()], ran.1), (&w.output.frame[..], w.output.cycles), "round {round}");
            t.queue_frame(vec![1]).await.unwrap();
            t.pause(100).await.unwrap();
            let file = w.file.clone();
            let said = in_c(&mut t, how, move |device| {
                let mut device = device.unwrap();
                let said = device.check();
                device.recover().unwrap();
                (said, device.check(), device.load(&CImage::read(&file).unwrap()))
            })
            .await;
            assert_eq!(said, (Err(Failure::Machine(code("FRAME_LEN"))), Ok(()), Ok(())));
        }
    })
    .unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sw/c")
}

fn tool(name: &str, arguments: &[&str]) -> String {
    let out = Command::new(name).current_dir(folder()).args(arguments).output().unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(out.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

const STRICT: [&str; 8] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffreestanding", "-Wconversion", "-Iinclude"];

/// The driver links with nothing: no C library, no memory. Its headers are C++ too, and the example is a program for a bare machine.
#[test]
fn the_driver_needs_no_library_and_the_example_links_without_one() {
    let build = tempfile::tempdir().unwrap();
    let at = |name: &str| build.path().join(name).display().to_string();
    let driver = ["src/systole.c", "src/systole_image.c", "src/systole_rram.c"];
    for level in ["-Os", "-O2"] {
        let object = at("driver.o");
        tool("gcc", &[&STRICT[..], &[level, "-r", "-nostdlib", "-o", &object], &driver].concat());
        assert_eq!(tool("nm", &["-u", &object]).trim(), "", "{level}: symbols that somebody else has to define");
        assert!(tool("nm", &[&object]).contains(" T systole_run\n"));
    }
    // Its own start, no library: the entry is the example's main.
    let program = at("example");
    let bare = [
        "-Os",
        "-nostdlib",
        "-static",
        "-Wl,-e,main",
        "-Wl,--no-warn-rwx-segments",
        "-o",
        &program,
        "example/main.c",
        "example/image.c",
    ];
    tool("gcc", &[&STRICT[..], &bare, &driver].concat());
    std::fs::write(at("user.cpp"), "#include \"systole.h\"\nsystole_device device;\n").unwrap();
    tool("g++", &["-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-Iinclude", &at("user.cpp")]);
}
