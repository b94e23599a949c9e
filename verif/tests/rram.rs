// SPDX-License-Identifier: Apache-2.0
//! Images in RRAM on the whole chip: program, commit, power cycle, wake, correction, poison, locks, refusals.

use std::rc::Rc;
use systole_backends::rram_model::RramModel;
use systole_backends::{AnyTransport, Backend, on_machine};
use systole_chip::device::{Corner, Device};
use systole_chip::{Options, Part, RtlTransport, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, HostError, RunOutput, Transport, Wake};
use systole_isa::ecc::{Code, Ecc, Verdict, WordCode};
use systole_isa::regs::{RRAM_STATUS_BITS, offset};
use systole_isa::rram::{Layout, Record, slot_bytes};
use systole_isa::{Config, Image, Instruction};
use systole_verif::{MIXED, long};
use systole_workloads::random;

/// A small program, a frame, and what it gives on the instruction-level model.
struct Work {
    image: Image,
    frame: Vec<u8>,
    output: RunOutput,
}

fn work(config: &Config, seed: u64) -> Work {
    work_of(config, 3, seed)
}

/// With one vector a run reads a line a cycle.
fn work_of(config: &Config, m: usize, seed: u64) -> Work {
    work_with(config, m, seed, 0)
}

fn work_with(config: &Config, m: usize, seed: u64, scrub_lines: u32) -> Work {
    let options = systole_compiler::Options { scrub_lines, ..Default::default() };
    let (network, input) = random::gemm(seed, m, 20 + 5 * (seed as usize % 5), 2 * config.cols as usize, false);
    let compiled = compile(&network.graph().unwrap(), config, &options).unwrap();
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let mut machine = systole_golden::Machine::new(config.clone());
    machine.load_image(&compiled.image).unwrap();
    let run = machine.run(&frame).unwrap();
    assert_eq!(run.cycles, compiled.cycles);
    Work { image: compiled.image, frame, output: RunOutput { frame: run.frame, cycles: run.cycles } }
}

fn named(name: &str) -> Config {
    Config::named(name).unwrap()
}

fn dected(name: &str, beats: u32) -> Config {
    named(name).with_weight_beats(beats).unwrap().with_ecc(Ecc::DecTed)
}

/// A machine that other tests need too, or in the long suite tiny.
fn two_beats() -> Config {
    named(if long() { "tiny" } else { MIXED }).with_weight_beats(2).unwrap()
}

fn on_chip<T: 'static, F: Future<Output = T> + 'static>(config: &Config, job: impl FnOnce(RtlTransport) -> F + 'static) -> T {
    run_chip(config, &Options::default(), job).unwrap_or_else(|e| panic!("{e}"))
}

/// On cells that switch, drift and wear; pulses of two cycles.
fn on_part<T: 'static>(
    backend: Backend,
    config: &Config,
    seed: u64,
    job: impl AsyncFnOnce(&mut Driver<AnyTransport>) -> T + 'static,
) -> T {
    let part = Part { pulse_cycles: 2, seed, ..Part::default() };
    let options = Options { part: Some(part), ..Options::default() };
    on_machine(backend, config, &options, async move |driver| Ok(job(driver).await)).unwrap_or_else(|e| panic!("{e:#}"))
}

async fn power_cycle(driver: &mut Driver<AnyTransport>) {
    driver.transport().power_cycle().await.unwrap();
    driver.wait_rram().await.unwrap();
}

fn machine_error(result: Result<impl Sized, HostError>) -> &'static str {
    match result.err() {
        Some(HostError::Machine { name, .. }) => name,
        other => panic!("no error of the machine: {other:?}"),
    }
}

fn configs() -> Vec<Config> {
    let mut all = vec![named("tiny"), named("small"), named("tiny").with_weight_beats(4).unwrap(), dected("tiny", 2)];
    if long() {
        all.extend([dected("tiny", 1), dected("small", 2)]);
        all.extend([named("wide"), named("base"), named("base").with_weight_beats(2).unwrap(), named("large")]);
        all.extend([dected("base", 1), dected("large", 4)]);
    }
    all
}

/// Cycles to READY, and the warm way, of a machine's first image (docs/rram.md, wake).
const WAKES: [(&str, (u32, u32)); 2] = [("tiny", (1165, 1023)), ("small", (1052, 930))];

#[test]
fn a_committed_image_survives_a_power_cycle_and_runs_without_a_load() {
    for config in configs().into_iter().filter(|c| long() || c.name != "small") {
        let (first, second) = (Rc::new(work(&config, 1)), Rc::new(work(&config, 2)));
        let label = config.label();
        on_chip(&config, move |t| async move {
            let mut driver = Driver::connect(t).await.unwrap();
            driver.wait_rram().await.unwrap();
            assert_eq!(driver.rram_status().await.unwrap().epoch, 0);
            for (n, w) in [&first, &second, &first].into_iter().enumerate() {
                let slot = driver.program(&w.image, None).await.unwrap();
                assert_eq!(slot, n as u32 % 2, "{label}: the slots take turns");
                driver.transport().power_cycle().await;
                driver.wait_rram().await.unwrap();
                let status = driver.rram_status().await.unwrap();
                assert_eq!((status.epoch, status.newest), (n as u32 + 1, Some(slot)), "{label}: {status:?}");
                assert!(status.awake.is_some() && status.uncorrectable == 0, "{label}: {status:?}");
                driver.wake(Wake::Checked, &w.image).await.unwrap();
                assert_eq!(driver.run(&w.frame).await.unwrap(), w.output, "{label}");
                driver.wake(Wake::Warm, &w.image).await.unwrap();
                assert_eq!(driver.run(&w.frame).await.unwrap(), w.output, "{label}");
                let cycles = (status.wake_cycles, driver.rram_status().await.unwrap().wake_cycles);
                println!("{label}: {} cycles to wake, warm {}", cycles.0, cycles.1);
                // As docs/rram.md has them of the first image.
                if let Some((_, documented)) = WAKES.iter().find(|(name, _)| n == 0 && *name == label) {
                    assert_eq!(cycles, *documented, "{label}: cycles to wake");
                }
            }
        });
    }
}

#[test]
fn a_load_beside_a_committed_image_runs_and_the_image_wakes_again() {
    let config = named("tiny");
    for backend in [Backend::Rtl, Backend::Model] {
        let (kept, other) = (work(&config, 1), work(&config, 2));
        on_part(backend, &config, 4, async move |driver| {
            // Behind a commit to either slot.
            for slot in 0..2 {
                assert_eq!(driver.program(&kept.image, None).await.unwrap(), slot);
                driver.wake(Wake::Checked, &kept.image).await.unwrap();
                driver.load(&other.image).await.unwrap();
                assert_eq!(driver.rram_status().await.unwrap().awake, None, "{backend:?}: the load took its place");
                assert_eq!(driver.run(&other.frame).await.unwrap(), other.output, "{backend:?}");
                // What it left behind is not taken for the image.
                assert!(driver.adopt(&kept.image).await.is_err());
                driver.wake(Wake::Checked, &kept.image).await.unwrap();
                assert_eq!(driver.run(&kept.frame).await.unwrap(), kept.output, "{backend:?}");
            }
        });
    }
}

#[test]
fn a_start_before_the_image_is_awake_waits_and_then_runs() {
    let config = named("tiny");
    let w = work(&config, 3);
    on_chip(&config, move |t| async move {
        let mut driver = Driver::connect(t).await.unwrap();
        driver.program(&w.image, None).await.unwrap();
        let t = driver.transport();
        t.power_cycle().await;
        let first = t.sim().cycle();
        t.write(offset("IRQ_ENABLE"), 1).await.unwrap();
        t.write(offset("START"), 1).await.unwrap();
        assert_ne!(t.read(offset("STATUS")).await.unwrap() & 1 << 8, 0, "WAIT_RRAM");
        // The frame may come when its length is known.
        while t.read(offset("IN_BYTES")).await.unwrap() == 0 {}
        t.queue_frame(w.frame.clone()).await.unwrap();
        assert!(t.wait_irq(5000).await.unwrap());
        println!("reset to DONE: {} cycles, of which the run {}", t.sim().cycle() - first, w.output.cycles);
        assert_eq!(t.receive_frame(5000).await.unwrap(), w.output.frame);
        assert_eq!(u64::from(t.read(offset("CYCLES_LO")).await.unwrap()), w.output.cycles);
    });
}

#[test]
fn p3_one_error_in_every_word_costs_no_cycle_and_changes_nothing_and_two_are_poison() {
    for name in ["tiny", "small"] {
        let config = named(name);
        let w = work(&config, 4);
        on_chip(&config, move |t| async move {
            let mut driver = Driver::connect(t).await.unwrap();
            let bits = w.image.weights.len() as u32;
            for first in [0, 7, 17, 31] {
                driver.transport().write(offset("RRAM_INJECT"), first | 1 << 16).await.unwrap();
                driver.load(&w.image).await.unwrap();
                let before = driver.rram_status().await.unwrap().corrected;
                assert_eq!(driver.run(&w.frame).await.unwrap(), w.output, "bit {first}");
                let corrected = driver.rram_status().await.unwrap().corrected - before;
                assert!(corrected >= bits / driver.config().cols, "every weight word was corrected: {corrected}");
            }
            // Two errors: the same cycles, flagged, and no result is handed out.
            driver.transport().write(offset("RRAM_INJECT"), 3 | 9 << 8 | 3 << 16).await.unwrap();
            driver.load(&w.image).await.unwrap();
            assert_eq!(machine_error(driver.run(&w.frame).await), "RRAM_POISON");
            let t = driver.transport();
            assert_eq!(u64::from(t.read(offset("CYCLES_LO")).await.unwrap()), w.output.cycles, "poison costs no cycle");
            assert_ne!(t.read(offset("STATUS")).await.unwrap() & 1 << 9, 0, "POISON");
            let status = driver.rram_status().await.unwrap();
            let first = status.errors[0].unwrap();
            assert!(!first.corrected || status.errors[1].is_some_and(|e| !e.corrected), "{status:?}");
            // Locked, the injection stays as it is.
            driver.transport().write(offset("RRAM_LOCK"), 2).await.unwrap();
            driver.transport().write(offset("RRAM_INJECT"), 0).await.unwrap();
            assert_eq!(driver.transport().read(offset("RRAM_INJECT")).await.unwrap(), 3 | 9 << 8 | 3 << 16);
        });
    }
}

#[test]
fn p3_with_dected_two_errors_in_every_word_cost_no_cycle_and_change_nothing() {
    let all = [dected("tiny", 2), dected("tiny", 1), dected("small", 2)];
    for config in all.into_iter().take(if long() { 3 } else { 1 }) {
        let w = work(&config, 4);
        on_chip(&config, move |t| async move {
            let mut driver = Driver::connect(t).await.unwrap();
            assert_eq!(driver.config().ecc, Ecc::DecTed);
            let words = w.image.weights.len() as u32 / driver.config().cols;
            for (first, second) in [(0, 1), (3, 9), (17, 31)] {
                driver.transport().write(offset("RRAM_INJECT"), first | second << 8 | 3 << 16).await.unwrap();
                driver.load(&w.image).await.unwrap();
                let before = driver.rram_status().await.unwrap().corrected;
                assert_eq!(driver.run(&w.frame).await.unwrap(), w.output, "bits {first} and {second}");
                let corrected = driver.rram_status().await.unwrap().corrected - before;
                assert!(corrected >= words, "every weight word was corrected: {corrected}");
            }
            assert_eq!(driver.rram_status().await.unwrap().uncorrectable, 0);
        });
    }
}

#[test]
fn p3_with_dected_three_errors_in_every_word_are_poison_and_a_bit_that_fills_up_a_word_is_none() {
    let config = dected("tiny", 2);
    let w = work(&config, 4);
    let part = Part { pulse_cycles: 2, corner: Corner::named("healthy22").unwrap(), ..Part::default() };
    let options = Options { part: Some(part), ..Options::default() };
    on_machine(Backend::Rtl, &config, &options, async move |driver| {
        let config = driver.config().clone();
        let (bits, half) = (WordCode::of(&config).bits(), config.word_bits() / 2);
        let lines = w.image.weights.len() as u32 / Layout::of(&config).line_bytes;
        assert_eq!((bits, config.word_bits()), (45, 46));
        let each = move |d: &mut Device, job: &dyn Fn(&mut Device, u32, u32, u32)| {
            (0..config.rows * lines).for_each(|n| job(d, n % config.rows, n / config.rows, n * 7));
        };
        // Stuck at 1 where nothing is stored.
        driver.transport().with_cells(|d| each(d, &|d, row, line, _| d.stick(row, 2 * line + 1, bits - half, true))).unwrap();
        driver.load(&w.image).await?;
        assert_eq!(driver.run(&w.frame).await?, w.output);
        let status = driver.rram_status().await?;
        assert_eq!((status.corrected, status.uncorrectable, status.remaps), (0, 0, 0), "{status:?}");
        // One wrong bit, another, and a third, data and check bits.
        for (n, step) in [0, 19, 38].into_iter().enumerate() {
            let flip = |d: &mut Device, row, line, first| {
                let bit = (first + step) % bits;
                d.flip(row, 2 * line + bit / half, bit % half);
            };
            driver.transport().with_cells(|d| each(d, &flip)).unwrap();
            let before = driver.rram_status().await?;
            if n < 2 {
                assert_eq!(driver.run(&w.frame).await?, w.output, "{} wrong bits", n + 1);
                let status = driver.rram_status().await?;
                assert!(status.corrected - before.corrected >= lines * driver.config().rows && status.uncorrectable == 0);
            } else {
                assert_eq!(machine_error(driver.run(&w.frame).await), "RRAM_POISON");
                driver.transport().pause(w.output.cycles).await?; // the error is there before the run ends
                let status = driver.rram_status().await?;
                assert!(status.uncorrectable >= lines * driver.config().rows && status.corrected == before.corrected);
                let t = driver.transport();
                assert_eq!(u64::from(t.read(offset("CYCLES_LO")).await?), w.output.cycles, "poison costs no cycle");
            }
        }
        Ok(())
    })
    .unwrap_or_else(|e| panic!("{e:#}"));
}

#[test]
fn what_must_not_be_written_is_refused_and_says_why() {
    let config = named("tiny");
    let (a, b) = (work(&config, 1), work(&config, 2));
    on_chip(&config.clone(), move |t| async move {
        let mut driver = Driver::connect(t).await.unwrap();
        // Without keys, with the wrong ones, with only the second.
        for keys in [vec![], vec![1, 2], vec![systole_isa::rram::KEYS[1]]] {
            driver.clear_error().await.unwrap();
            let t = driver.transport();
            for key in keys {
                t.write(offset("RRAM_UNLOCK"), key).await.unwrap();
            }
            t.write(offset("UPLOAD_TARGET"), 4).await.unwrap();
            t.send_image(&[1; 16]).await.unwrap();
            assert_eq!(machine_error(driver.check_error().await), "RRAM_LOCKED");
            assert_eq!(driver.rram_status().await.unwrap().pulses, 0);
        }
        // No image yet.
        assert_eq!(machine_error(driver.wake_any(Wake::Checked).await), "RRAM_NO_IMAGE");
        driver.clear_error().await.unwrap();
        assert_eq!(machine_error(driver.scrub().await), "RRAM_NO_IMAGE");
        // The slot of the newest image.
        driver.program(&a.image, Some(0)).await.unwrap();
        assert_eq!(machine_error(driver.program(&b.image, Some(0)).await), "RRAM_SLOT");
        driver.wake(Wake::Checked, &a.image).await.unwrap();
        assert_eq!(driver.run(&a.frame).await.unwrap(), a.output);
        let other = driver.wake(Wake::Checked, &b.image).await.unwrap_err();
        assert!(other.to_string().contains("program it first"), "{other}");
        // A record that does not name what is in the slot.
        driver.clear_error().await.unwrap();
        driver.unlock().await.unwrap();
        let (_, mut record) = slot_bytes(&b.image, &config);
        record.image_crc ^= 1;
        let words: Vec<u8> = record.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
        let t = driver.transport();
        t.write(offset("RRAM_SLOT"), 1).await.unwrap();
        t.write(offset("UPLOAD_TARGET"), 6).await.unwrap();
        t.send_image(&words).await.unwrap();
        t.write(offset("RRAM_COMMAND"), 3).await.unwrap();
        driver.wait_rram().await.unwrap();
        assert_eq!(machine_error(driver.check_error().await), "RRAM_CRC");
        assert_eq!(driver.rram_status().await.unwrap().epoch, 1);
        // A command while a run waits.
        driver.clear_error().await.unwrap();
        driver.transport().write(offset("START"), 1).await.unwrap();
        driver.transport().write(offset("RRAM_COMMAND"), 4).await.unwrap();
        assert_eq!(machine_error(driver.check_error().await), "RRAM_BUSY");
        driver.transport().write(offset("START"), 2).await.unwrap();
        // Locked: nothing is written until reset, with keys or without.
        driver.clear_error().await.unwrap();
        driver.lock().await.unwrap();
        let pulses = driver.rram_status().await.unwrap().pulses;
        let programmed = driver.program(&b.image, None).await;
        assert!(programmed.is_err(), "a part that is locked was programmed");
        assert_eq!(machine_error(programmed), "RRAM_LOCKED");
        assert_eq!(driver.rram_status().await.unwrap().pulses, pulses, "pulses on a part that is locked");
        driver.transport().power_cycle().await;
        driver.program(&b.image, None).await.unwrap();
        driver.wake(Wake::Checked, &b.image).await.unwrap();
        assert_eq!(driver.run(&b.frame).await.unwrap(), b.output);
    });
}

/// What works for the controller stops with it: behind a reset in any cycle of a line's programming no pulse is given, and the part is as usable as before.
#[test]
fn a_reset_while_a_line_is_programmed_stops_walks_and_pulses() {
    let config = named("tiny");
    let w = work(&config, 2);
    on_chip(&config, move |t| async move {
        let mut driver = Driver::connect(t).await.unwrap();
        driver.wait_rram().await.unwrap();
        let mut begun = 0;
        for wait in (0..90u64).step_by(9) {
            driver.unlock().await.unwrap();
            let t = driver.transport();
            t.write(offset("UPLOAD_TARGET"), 4).await.unwrap();
            t.send_image(&[if wait % 2 == 0 { 0xa5 } else { 0x5a }; 16]).await.unwrap();
            // The first line waits for the table.
            let mut reads = 0;
            while t.read(offset("RRAM_PULSES")).await.unwrap() == 0 {
                reads += 1;
                assert!(reads < 2000, "no pulse comes");
            }
            t.clock().cycles(wait).await;
            begun += t.read(offset("RRAM_STATUS")).await.unwrap() & 1;
            t.power_cycle().await;
            driver.wait_rram().await.unwrap();
            driver.transport().clock().cycles(500).await;
            let status = driver.rram_status().await.unwrap();
            assert_eq!((status.pulses, status.retries), (0, 0), "{wait} cycles behind the first pulse");
        }
        assert!(begun > 3, "{begun} resets came while a line was programmed");
        driver.clear_error().await.unwrap();
        driver.program(&w.image, None).await.unwrap();
        driver.wake(Wake::Checked, &w.image).await.unwrap();
        assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
    });
}

/// The record is that of other software, with a code and a CRC that are right: nothing a host could write.
#[test]
fn an_image_of_other_software_is_foreign_and_does_not_wake() {
    let config = named("tiny");
    let w = work(&config, 1);
    on_part(Backend::Rtl, &config.clone(), 4, async move |driver| {
        driver.program(&w.image, None).await.unwrap();
        let changed = driver.transport().with_cells(|device| {
            let (code, layout) = (WordCode::of(&config), Layout::of(&config));
            let bytes = code.bits().div_ceil(8) as usize;
            let mut changed = 0;
            for place in 0..4 {
                let at = |n: u32| (n % config.rows, layout.record(place) + n / config.rows);
                let stored = |device: &Device, n| -> Vec<u8> {
                    device.plane(at(n).0, at(n).1, 0).iter().flat_map(|w| w.to_le_bytes()).take(bytes).collect()
                };
                let words = 64 / config.cols;
                let data: Vec<u8> = (0..words).flat_map(|n| code.decode(&stored(device, n), at(n).1).0).collect();
                let numbers = std::array::from_fn(|i| u32::from_le_bytes(data[4 * i..4 * i + 4].try_into().unwrap()));
                let Some(record) = Record::decode(&numbers) else { continue };
                let other = Record { fingerprint: record.fingerprint ^ 1, ..record }.encode();
                let other: Vec<u8> = other.iter().flat_map(|w| w.to_le_bytes()).collect();
                for (n, word) in other.chunks(config.cols as usize).enumerate() {
                    let (now, then) = (stored(device, n as u32), code.encode(word, at(n as u32).1));
                    let differ = |bit: &u32| (now[*bit as usize / 8] ^ then[*bit as usize / 8]) >> (bit % 8) & 1 == 1;
                    (0..code.bits()).filter(differ).for_each(|bit| device.flip(at(n as u32).0, at(n as u32).1, bit));
                }
                changed += 1;
            }
            changed
        });
        assert!(changed.unwrap() > 0, "no record was found");
        power_cycle(driver).await;
        assert_eq!(machine_error(driver.wake_any(Wake::Checked).await), "RRAM_FOREIGN");
        let foreign = RRAM_STATUS_BITS.iter().find(|b| b.name == "FOREIGN").unwrap().bit;
        assert_eq!(driver.transport().read(offset("RRAM_STATUS")).await.unwrap() >> foreign & 1, 1);
        // The machine's own image wakes all the same.
        driver.clear_error().await.unwrap();
        driver.program(&w.image, None).await.unwrap();
        driver.wake(Wake::Checked, &w.image).await.unwrap();
        assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
    });
}

/// Stuck cells: in more lines of an image than a slot has spares, and in a copy of the line table, either way round.
#[test]
fn stuck_cells_beyond_the_spares_or_in_the_table_are_an_error_that_says_so() {
    let config = named("tiny");
    let layout = Layout::of(&config);
    let mut image = work(&config, 1).image;
    image.weights.resize(((layout.spares + 8) * layout.line_bytes) as usize, 0x55);
    let stick_lines: Vec<(u32, u32, u32, bool)> = (0..=layout.spares)
        .map(|line| (0, line, 0, slot_bytes(&image, &config).0[(line * layout.line_bytes) as usize] & 1 == 0))
        .collect();
    // Two bits of an entry of which each is wrong as it is, and two of another that are wrong the other way round.
    let table = layout.table(0) + 1;
    let stick_table = vec![(0, table, 8, true), (0, table, 9, true), (1, table, 8, false), (1, table, 9, false)];
    let small = work(&config, 1).image;
    for (image, cells, error) in [(image, stick_lines, "RRAM_PROGRAM"), (small, stick_table, "RRAM_RECORD")] {
        on_part(Backend::Rtl, &config, 5, async move |driver| {
            driver.transport().with_cells(|d| cells.iter().for_each(|&(row, line, bit, one)| d.stick(row, line, bit, one)));
            assert_eq!(machine_error(driver.program(&image, Some(0)).await), error);
        });
    }
}

/// Years after years, until the record reads weakly at a margin: the wake says so, and writes it again.
#[test]
fn a_record_that_aged_is_found_weak_and_written_again() {
    let config = named("tiny");
    let w = work(&config, 1);
    on_part(Backend::Rtl, &config.clone(), 4, async move |driver| {
        driver.program(&w.image, None).await.unwrap();
        let weak = RRAM_STATUS_BITS.iter().find(|b| b.name == "WEAK").unwrap().bit;
        let mut seen = 0;
        for _ in 0..40 {
            driver.transport().with_cells(|d| d.age(5.0 * 365.25 * 86_400.0, 85.0));
            power_cycle(driver).await;
            seen += driver.transport().read(offset("RRAM_STATUS")).await.unwrap() >> weak & 1;
            if seen > 0 {
                break;
            }
        }
        assert_eq!(seen, 1, "no record read weakly in 200 years");
        driver.wake(Wake::Checked, &w.image).await.unwrap();
        assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
    });
}

#[test]
fn an_image_that_no_slot_holds_is_refused_before_anything_is_written() {
    let config = named("tiny");
    let layout = Layout::of(&config);
    let mut w = work(&config, 1);
    w.image.weights = vec![1; ((layout.usable() + 1) * layout.line_bytes) as usize];
    let text =
        on_part(Backend::Model, &config, 1, async move |driver| driver.program(&w.image, None).await.unwrap_err().to_string());
    assert!(text.contains("a slot of this machine holds 720"), "{text}");
}

#[test]
fn cells_that_switch_badly_drift_and_stick_do_no_harm() {
    let config = named("small");
    let (first, second) = (work(&config, 1), work(&config, 2));
    on_part(Backend::Rtl, &config, 1, async move |driver| {
        // Twenty stuck cells in the lines of the image: each line that has one is retired.
        driver.transport().with_cells(|d| (0..20).for_each(|n| d.stick(n % 8, n / 2, n * 3 % 72, n % 2 == 0))).unwrap();
        driver.program(&first.image, None).await.unwrap();
        let status = driver.rram_status().await.unwrap();
        assert!(status.pulses > 100 && status.retries > 10 && status.remaps >= 3, "{status:?}");
        assert_eq!(status.spares[0], 32 - status.remaps);
        driver.wake(Wake::Checked, &first.image).await.unwrap();
        assert_eq!(driver.run(&first.frame).await.unwrap(), first.output);
        assert_eq!(driver.rram_status().await.unwrap().corrected, 0, "stuck cells are not left to the code");
        // Ten years without power.
        driver.transport().with_cells(|d| d.age(3.156e8, 85.0)).unwrap();
        power_cycle(driver).await;
        driver.wake(Wake::Checked, &first.image).await.unwrap();
        assert_eq!(driver.run(&first.frame).await.unwrap(), first.output);
        assert_eq!(driver.rram_status().await.unwrap().spares[0], 32 - status.remaps, "the line table came back");
        // A scrub writes weak lines again; a second one finds none.
        driver.scrub().await.unwrap();
        let refreshed = driver.rram_status().await.unwrap().refreshed;
        assert!(refreshed > 0);
        driver.scrub().await.unwrap();
        assert_eq!(driver.rram_status().await.unwrap().refreshed, refreshed);
        // The other slot, and a new image over the old one: only bits that differ.
        driver.program(&second.image, None).await.unwrap();
        driver.wake(Wake::Checked, &second.image).await.unwrap();
        assert_eq!(driver.run(&second.frame).await.unwrap(), second.output);
        // A broken image: two bits of one word. The one before it wakes.
        let layout = Layout::of(driver.config());
        driver.transport().with_cells(|d| (d.flip(2, layout.half, 5), d.flip(2, layout.half, 6))).unwrap();
        power_cycle(driver).await;
        let status = driver.rram_status().await.unwrap();
        assert_eq!((status.newest, status.uncorrectable), (Some(0), 1), "{status:?}");
        driver.wake(Wake::Checked, &first.image).await.unwrap();
        assert_eq!(driver.run(&first.frame).await.unwrap(), first.output);
    });
}

#[test]
fn a_part_programmed_by_one_backend_wakes_on_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut configs = vec![named("tiny"), dected("tiny", 2)];
    if long() {
        configs.extend([named("small"), two_beats()]);
    }
    for (n, config) in configs.into_iter().enumerate() {
        let works = Rc::new([work(&config, 1), work(&config, 2), work(&config, 3)]);
        let part = Part { file: Some(folder.path().join(format!("{n}.rram"))), pulse_cycles: 2, seed: 8, ..Part::default() };
        let options = Options { part: Some(part), ..Options::default() };
        for (turn, (writer, reader)) in
            [(Backend::Rtl, Backend::Model), (Backend::Model, Backend::Rtl), (Backend::Rtl, Backend::Model)]
                .into_iter()
                .enumerate()
        {
            let w = works.clone();
            on_machine(writer, &config, &options, async move |d| Ok(d.program(&w[turn].image, None).await?))
                .unwrap_or_else(|e| panic!("{} {turn} {writer:?}: {e:#}", config.label()));
            let w = works.clone();
            let (output, status) = on_machine(reader, &config, &options, async move |d| {
                d.wake(Wake::Checked, &w[turn].image).await?;
                Ok((d.run(&w[turn].frame).await?, d.rram_status().await?))
            })
            .unwrap();
            assert_eq!(output, works[turn].output);
            assert_eq!((status.epoch, status.newest), (turn as u32 + 1, Some(turn as u32 % 2)));
        }
    }
}

#[test]
fn a_run_scrubs_in_its_windows_costs_no_cycle_and_its_weak_line_is_written_again() {
    let configs = [named("tiny"), two_beats(), named("small")];
    for (n, config) in configs.into_iter().enumerate() {
        let label = config.label();
        // Many vectors a weight leave windows between the loads, one vector only those at both ends.
        for m in [1, 20 + 7 * n] {
            let plain = work_of(&config, m, 3);
            let w = Rc::new(work_with(&config, m, 3, 1000));
            let rows = w.image.program().unwrap().rows;
            let lines: u32 = rows.iter().map(|r| if let Instruction::Scrub(s) = &r.instruction { s.lines } else { 0 }).sum();
            assert!(lines > 0 && lines < 1000, "{label}, m {m}: {lines}");
            assert_eq!((&plain.output, &plain.image.weights), (&w.output, &w.image.weights));
            println!("{label}, m {m}: {lines} lines in {} cycles", w.output.cycles);
            let mut seen = vec![];
            for backend in [Backend::Rtl, Backend::Model] {
                let (w, label) = (w.clone(), label.clone());
                seen.push(on_part(backend, &config, 11, async move |driver| {
                    let layout = Layout::of(driver.config());
                    driver.program(&w.image, None).await.unwrap();
                    driver.wake(Wake::Checked, &w.image).await.unwrap();
                    let beats = driver.config().weight_beats;
                    // One wrong bit each: in a line of weights, in the table's copy.
                    driver.transport().with_cells(|d| d.flip(1, 5 * beats, 3)).unwrap();
                    driver.transport().with_cells(|d| d.flip(0, (layout.table(0) + 1) * beats, 2)).unwrap();
                    let all = slot_bytes(&w.image, driver.config()).1.lines + layout.table_lines + layout.record_lines;
                    let mut seen = vec![];
                    for _ in 0..(all / lines + 3).min(40) {
                        assert_eq!(driver.run(&w.frame).await.unwrap(), w.output, "{label}, m {m}, {backend:?}");
                        driver.wait_rram().await.unwrap();
                        let line = driver.transport().read(offset("RRAM_SCRUB_LINE")).await.unwrap();
                        let status = driver.rram_status().await.unwrap();
                        assert_eq!(status.uncorrectable, 0);
                        seen.push((line, status.refreshed));
                    }
                    seen
                }));
            }
            assert_eq!(seen[0], seen[1], "{label}, m {m}");
            assert!(seen[0].iter().any(|s| s.1 >= 1), "{label}: {seen:?}");
            assert!(m == 1 || seen[0].last().unwrap().1 >= 2, "{label}: {seen:?}");
        }
    }
}

#[test]
fn a_scrub_does_not_write_again_what_the_code_took_for_right_and_the_lines_crc_does_not() {
    let config = named("small");
    let w = Rc::new(work_of(&config, 1, 5));
    let (bytes, record) = slot_bytes(&w.image, &config);
    assert!(record.tile_lines >= 1);
    // Three wrong bits of a word that the code turns into four.
    let (line, row) = (6, 2);
    let at = (line * 64 + row * 8) as usize;
    let code = Code::new(64);
    let word = u128::from(u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i])));
    let check = code.encode(word, line);
    let bits = (0..64u32)
        .flat_map(|a| (a + 1..64).map(move |b| (a, b, b + 1)))
        .find(|&(a, b, c)| c < 64 && code.decode(word ^ 1 << a ^ 1 << b ^ 1 << c, check, line).1 == Verdict::Corrected)
        .unwrap();
    for backend in [Backend::Rtl, Backend::Model] {
        let w = w.clone();
        on_part(backend, &config, 11, async move |driver| {
            driver.program(&w.image, None).await.unwrap();
            driver.wake(Wake::Checked, &w.image).await.unwrap();
            // What scrubs of the part as it is try in vain, at its stuck cells.
            driver.scrub().await.unwrap();
            let once = driver.rram_status().await.unwrap();
            driver.scrub().await.unwrap();
            let before = driver.rram_status().await.unwrap();
            let turn = |d: &mut Device| [bits.0, bits.1, bits.2].into_iter().for_each(|b| d.flip(row, line, b));
            driver.transport().with_cells(turn).unwrap();
            assert_eq!(machine_error(driver.scrub().await), "RRAM_TILE", "{backend:?}");
            assert_eq!(driver.transport().read(offset("RRAM_TILE")).await.unwrap(), 1 << 16 | line);
            let status = driver.rram_status().await.unwrap();
            assert_eq!(status.refreshed, before.refreshed, "{backend:?}");
            assert_eq!(status.pulses - before.pulses, before.pulses - once.pulses, "{backend:?}");
            // Nothing was made permanent; and the image's CRC sees it too.
            assert_eq!(machine_error(driver.wake(Wake::Checked, &w.image).await), "RRAM_NO_IMAGE");
            driver.transport().with_cells(turn).unwrap();
            driver.wake(Wake::Checked, &w.image).await.unwrap();
            assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
            // Between runs the same.
            driver.transport().with_cells(turn).unwrap();
            driver.transport().write(offset("RRAM_SCRUB_BUDGET"), 20).await.unwrap();
            let run = driver.run(&w.frame).await;
            let before = driver.transport().read(offset("RRAM_TILE")).await.unwrap() >> 16;
            driver.wait_rram().await.unwrap();
            let after = driver.transport().read(offset("RRAM_TILE")).await.unwrap() >> 16;
            assert!(run.is_err() || before + after >= 3, "{backend:?}: {run:?}");
        });
    }
}

#[test]
fn p4_lines_that_were_retired_are_read_one_a_cycle() {
    for config in [named("tiny"), two_beats()] {
        let label = config.label();
        let w = Rc::new(work_of(&config, 1, 4));
        let mut remaps = vec![];
        for backend in [Backend::Rtl, Backend::Model] {
            let w = w.clone();
            remaps.push(on_part(backend, &config, 7, async move |driver| {
                let layout = Layout::of(driver.config());
                let beats = driver.config().weight_beats;
                // Lines 2, 3, 4, 7, whose entries lie in two lines of the table's copy: in row 1 both values of a bit are stuck somewhere in the first word.
                let stick = |d: &mut Device| {
                    for (line, bit) in [2, 3, 4, 7].into_iter().flat_map(|l| (0..8).map(move |b| (l, b))) {
                        d.stick(1, line * beats, bit, bit % 2 == 0);
                    }
                };
                driver.transport().with_cells(stick).unwrap();
                driver.program(&w.image, None).await.unwrap();
                let status = driver.rram_status().await.unwrap();
                assert!(status.remaps == 4 && status.spares == [layout.spares - 4, layout.spares], "{status:?}");
                driver.wake(Wake::Checked, &w.image).await.unwrap();
                assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
                assert_eq!(driver.rram_status().await.unwrap().uncorrectable, 0);
                status.remaps
            }));
        }
        assert_eq!(remaps[0], remaps[1], "{label}");
    }
}

#[test]
fn p6_worn_classes_change_places_alike_on_rtl_and_model_and_are_read_one_a_cycle() {
    let config = named("tiny");
    let layout = Layout::of(&config);
    let works: Rc<Vec<Work>> = Rc::new((1..4).map(|seed| work_of(&config, 1, seed)).collect());
    let folder = tempfile::tempdir().unwrap();
    let mut tables = vec![];
    for backend in [Backend::Rtl, Backend::Model] {
        // A part whose even lines in slot 0 were written 300 times more than the odd ones.
        let part = Part { file: Some(folder.path().join(format!("{backend:?}"))), pulse_cycles: 2, seed: 5, ..Part::default() };
        let (device, file) = part.open(&config).unwrap();
        let mut rram = RramModel::new(&config, device);
        let (bytes, record) = slot_bytes(&works[0].image, &config);
        rram.wake(false).unwrap_err();
        rram.make_tables();
        rram.wear_out(0, |line| if line % 2 == 0 { 300 } else { 0 });
        rram.write_slot(0, &bytes).and_then(|()| rram.commit(0, &record)).unwrap();
        file.save(&rram.device).unwrap();
        drop(file);
        let w = works.clone();
        let options = Options { part: Some(part.clone()), ..Options::default() };
        on_machine(backend, &config, &options, async move |driver| {
            // Slots 1, 0, 1, 0: the second update sees the wear, the fourth begins with the change.
            for n in [1, 2, 1, 0] {
                driver.program(&w[n].image, None).await?;
                driver.wake(Wake::Checked, &w[n].image).await?;
                assert_eq!(driver.run(&w[n].frame).await?, w[n].output);
            }
            assert_eq!(driver.rram_status().await?.uncorrectable, 0);
            Ok(())
        })
        .unwrap();
        let mut rram = RramModel::new(&config, part.open(&config).unwrap().0);
        rram.wake(false).unwrap();
        rram.make_tables();
        tables.push(rram.wear_of_lines());
    }
    let (turned, straight) = tables[0].split_at(layout.half as usize);
    assert!(turned[..layout.slot_lines as usize].iter().enumerate().all(|(n, e)| usize::from(e.0) % 2 != n % 2));
    assert!(straight.iter().enumerate().all(|(n, e)| usize::from(e.0) % 2 == n % 2));
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn p6_a_hammered_line_moves_alike_on_rtl_and_model_and_every_other_line_keeps_its_words() {
    let config = named("tiny");
    let hammer = |backend| {
        let w = work_of(&config, 1, 1);
        on_part(backend, &config, 3, async move |driver| {
            let line = Layout::of(driver.config()).line_bytes as usize;
            driver.load(&w.image).await.unwrap();
            driver.unlock().await.unwrap();
            let first: Vec<u8> = w.image.weights[..line].iter().map(|&b| b as u8).collect();
            // Other words and the right ones in turn; the right ones last.
            for n in 0..400 {
                let bytes: Vec<u8> = first.iter().map(|b| if n % 2 == 0 { !b } else { *b }).collect();
                driver.transport().write(offset("UPLOAD_TARGET"), 4).await.unwrap();
                driver.transport().send_image(&bytes).await.unwrap();
                driver.wait_rram().await.unwrap();
            }
            driver.check_error().await.unwrap();
            let status = driver.rram_status().await.unwrap();
            // In the model the upload is the section: the whole image again, differences only.
            if backend == Backend::Rtl {
                assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
                assert_eq!(driver.rram_status().await.unwrap().uncorrectable, 0);
            }
            (status.swaps, status.wear)
        })
    };
    let (rtl, model) = (hammer(Backend::Rtl), hammer(Backend::Model));
    assert_eq!(rtl, model);
    assert!(rtl.0 >= 3 && rtl.1 <= 130, "{rtl:?}");
}
