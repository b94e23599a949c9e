// SPDX-License-Identifier: Apache-2.0
//! The chip behind a serial line, bit by bit: the host's driver at one end, the board's Verilog at the other.

use std::time::Duration;
use systole_backends::board::{ChannelLine, Noise, build, record_boot, simulate, wire};
use systole_compiler::compile;
use systole_host::{BoardTransport, Driver, HostError, Line, Transport};
use systole_isa::board::Deframer;
use systole_isa::regs::offset;
use systole_isa::{Config, Image};
use systole_verif::long;
use systole_workloads::random;

/// A small program, a frame, and what it gives on the instruction-level model.
fn work(config: &Config) -> (Image, Vec<u8>, Vec<u8>, u64) {
    let (network, input) = random::gemm(3, 3, 30, 2 * config.cols as usize, false);
    let image = compile(&network.graph().unwrap(), config, &Default::default()).unwrap().image;
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = image.input.pack(&values, image.in_bytes as usize);
    let mut machine = systole_golden::Machine::new(config.clone());
    machine.load_image(&image).unwrap();
    let run = machine.run(&frame).unwrap();
    (image, frame, run.frame, run.cycles)
}

/// Runs a board with something at the other end of its line; what that gives, and how often the lights changed.
fn with_board<T: Send + 'static>(noise: Noise, host: impl FnOnce(ChannelLine) -> T + Send + 'static) -> (T, Vec<u64>) {
    let library = build(&Config::named("tiny").unwrap()).unwrap(); // before the host's patience begins
    let (line, wire) = wire();
    let host = std::thread::spawn(move || host(line));
    let (tell, lights) = std::sync::mpsc::channel();
    simulate(&library, 5, noise, vec![], wire, move |l| tell.send(l).unwrap()).unwrap();
    (host.join().unwrap(), lights.iter().collect())
}

fn block<T>(job: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(job)
}

const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn the_driver_loads_and_runs_over_the_line_with_exact_cycles() {
    let (image, frame, output, cycles) = work(&Config::named("tiny").unwrap());
    let (counts, lights) = with_board(Noise::default(), move |line| {
        block(async {
            let mut driver = Driver::connect(BoardTransport::connect_with(line, PATIENCE).unwrap()).await.unwrap();
            assert_eq!(driver.config().name, "tiny");
            driver.load(&image).await.unwrap();
            let runs = driver.run_many(vec![frame; 3], |_, _| ()).await.unwrap();
            assert!(runs.iter().all(|r| r.frame == output && r.cycles == cycles));
            assert!(matches!(driver.transport().write(offset("ID"), 1).await, Err(HostError::Refused { .. })));
            driver.transport().counts
        })
    });
    assert!(counts.requests > 50 && counts.repeated == 0, "{counts:?}");
    assert!(lights.iter().any(|l| l & 2 == 2), "a run was seen: {lights:?}");
}

#[test]
fn an_image_in_the_boards_rram_outlives_a_reset_and_wakes() {
    let (image, frame, output, cycles) = work(&Config::named("tiny").unwrap());
    let (_, lights) = with_board(Noise::default(), move |line| {
        block(async {
            let mut driver = Driver::connect(BoardTransport::connect_with(line, PATIENCE).unwrap()).await.unwrap();
            driver.wait_rram().await.unwrap();
            driver.program(&image, None).await.unwrap();
            driver.transport().reset().unwrap();
            driver.wait_rram().await.unwrap();
            driver.adopt(&image).await.unwrap();
            let run = driver.run(&frame).await.unwrap();
            assert_eq!((run.frame, run.cycles), (output, cycles));
        })
    });
    assert_eq!(lights.last().map(|l| l & 1), Some(1), "an image is awake: {lights:?}");
}

#[test]
fn noise_on_the_line_in_both_directions_costs_time_and_nothing_else() {
    let (image, frame, output, cycles) = work(&Config::named("tiny").unwrap());
    let noise = Noise { bytes: 0.004, restart: None };
    let (counts, _) = with_board(noise, move |line| {
        block(async {
            let mut driver =
                Driver::connect(BoardTransport::connect_with(line, Duration::from_millis(400)).unwrap()).await.unwrap();
            driver.load(&image).await.unwrap();
            let before = driver.transport().read(offset("RUNS")).await.unwrap();
            // How many bytes pass is up to the time that the host waits: as many runs as it takes to meet the noise.
            let mut runs = 0;
            while runs < 3 || (driver.transport().counts.repeated < 6 && runs < 50) {
                let run = driver.run(&frame).await.unwrap();
                assert_eq!((&run.frame, run.cycles), (&output, cycles));
                runs += 1;
            }
            // Nothing was done twice: no start, no frame.
            assert_eq!(driver.transport().read(offset("RUNS")).await.unwrap() - before, runs);
            assert_eq!(driver.transport().read(offset("EVENT_FRAMES_IN")).await.unwrap(), runs);
            driver.transport().counts
        })
    });
    assert!(counts.repeated > 5, "the noise was met: {counts:?}");
}

#[test]
fn a_board_that_begins_anew_in_the_middle_is_an_error_and_the_next_session_goes_well() {
    let (image, frame, output, _) = work(&Config::named("tiny").unwrap());
    with_board(Noise { bytes: 0.0, restart: Some(1500) }, move |line| {
        block(async {
            let mut driver = Driver::connect(BoardTransport::connect_with(line, PATIENCE).unwrap()).await.unwrap();
            let mut failed = None;
            for _ in 0..20 {
                let done = match driver.load(&image).await {
                    Ok(()) => driver.run(&frame).await.map(|r| assert_eq!(r.frame, output)),
                    Err(e) => Err(e),
                };
                if let Err(e) = done {
                    failed = Some(e.to_string());
                    break;
                }
            }
            assert!(failed.as_ref().is_some_and(|e| e.contains("began anew")), "{failed:?}");
            driver.transport().begin().unwrap();
            driver.load(&image).await.unwrap();
            assert_eq!(driver.run(&frame).await.unwrap().frame, output);
        })
    });
}

#[test]
fn a_host_that_stops_in_the_middle_of_a_frame_does_no_harm_to_the_next_one() {
    let (image, frame, output, _) = work(&Config::named("tiny").unwrap());
    with_board(Noise::default(), move |mut line| {
        for part in [&[0xc0, 5, 4, 1, 2, 3][..], &[0xdb], &systole_isa::board::frame(&[9, 3, 4, 1, 0, 0, 0])[..9]] {
            line.send(part).unwrap();
            block(async {
                let mut board = BoardTransport::connect_with(&mut line, PATIENCE).unwrap();
                // A frame of which only the first part was sent, and a session that begins.
                board.queue_frame(vec![1; 300]).await.ok();
                let mut driver = Driver::connect(BoardTransport::connect_with(&mut line, PATIENCE).unwrap()).await.unwrap();
                driver.load(&image).await.unwrap();
                assert_eq!(driver.run(&frame).await.unwrap().frame, output);
            });
        }
    });
}

#[test]
fn a_line_at_which_nobody_answers_says_so() {
    struct Dead(&'static [u8]);
    impl systole_host::Line for Dead {
        fn send(&mut self, _: &[u8]) -> std::io::Result<()> {
            Ok(())
        }
        fn receive(&mut self, buffer: &mut [u8], time: Duration) -> std::io::Result<usize> {
            std::thread::sleep(time / 2);
            buffer[..self.0.len()].copy_from_slice(self.0);
            Ok(self.0.len())
        }
        fn name(&self) -> String {
            "port at 9600 baud".into()
        }
    }
    let of = |bytes| BoardTransport::connect_with(Dead(bytes), Duration::from_millis(5)).err().unwrap().to_string();
    assert!(of(&[]).contains("port at 9600 baud is silent"), "{}", of(&[]));
    assert!(of(&[0x12, 0x80]).contains("another baud rate"), "{}", of(&[0x12, 0x80]));
}

/// What a board of a configuration says while it boots from a flash, and its lights; then the host loads and runs.
fn booted(config: &str, damage: impl Fn(&mut Vec<u8>)) -> (Vec<Vec<u8>>, Vec<u64>) {
    let config = Config::named(config).unwrap();
    let (image, frame, output, cycles) = work(&config);
    let frames = vec![frame.clone(); 3];
    let (mut file, requests, runs) = record_boot(&config, image.clone(), frames).unwrap();
    assert!(requests > 20 && runs.iter().all(|r| r.frame == output && r.cycles == cycles), "{requests}");
    damage(&mut file);
    let library = build(&config).unwrap();
    let (line, wire) = wire();
    let host = std::thread::spawn(move || {
        let (mut line, mut deframer, mut answers, mut buffer) = (line, Deframer::default(), vec![], [0; 64]);
        loop {
            let n = line.receive(&mut buffer, PATIENCE).unwrap();
            if n == 0 {
                break;
            }
            answers.extend(buffer[..n].iter().filter_map(|&b| deframer.push(b)));
        }
        // Nobody began a session yet.
        line.send(&systole_isa::board::frame(&[77, 2, 0])).unwrap();
        let mut said = vec![];
        while said.is_empty() {
            let n = line.receive(&mut buffer, PATIENCE).unwrap();
            assert!(n > 0, "the line is the host's behind the boot");
            said.extend(buffer[..n].iter().filter_map(|&b| deframer.push(b)));
        }
        assert_eq!(said, [vec![77, 4]], "NO_SESSION");
        block(async {
            let mut driver = Driver::connect(BoardTransport::connect_with(line, PATIENCE).unwrap()).await.unwrap();
            driver.load(&image).await.unwrap();
            assert_eq!(driver.run(&frame).await.unwrap().frame, output);
        });
        answers
    });
    let (tell, lights) = std::sync::mpsc::channel();
    simulate(&library, 5, Noise::default(), file, wire, move |l| tell.send(l).unwrap()).unwrap();
    (host.join().unwrap(), lights.iter().collect())
}

#[test]
fn a_board_loads_and_runs_out_of_its_flash_without_a_host() {
    for config in if long() { &["nano", "tiny"][..] } else { &["nano"] } {
        let (.., output, _) = work(&Config::named(config).unwrap());
        let (answers, lights) = booted(config, |_| ());
        assert!(answers.iter().all(|a| a[..2] == [0, 0]), "{config}: every request is done: {answers:?}");
        let outputs: Vec<&[u8]> = answers.iter().filter(|a| a.len() > 3).map(|a| &a[3..]).collect();
        assert_eq!(outputs.len(), 3, "{config}");
        assert!(outputs.iter().all(|o| o.starts_with(&output)), "{config}: {outputs:?}");
        assert!(lights.iter().any(|l| l & 2 == 2) && lights.iter().all(|l| l & 8 == 0), "{config}: {lights:?}");
    }
}

#[test]
fn a_flash_that_is_damaged_is_an_error_and_the_host_goes_on() {
    let (answers, lights) = booted("nano", |file| {
        let middle = file.len() / 2;
        file[middle] ^= 4;
    });
    assert!(answers.len() > 5 && answers.iter().all(|a| a[..2] == [0, 0]), "{answers:?}");
    assert!(lights.iter().any(|l| l & 8 == 8), "the error light: {lights:?}");
}
