// SPDX-License-Identifier: Apache-2.0
//! Images in RRAM on the whole chip: program, commit, power cycle, wake, correction, poison, locks, refusals.

use std::rc::Rc;
use systole_chip::device::{Corner, Device};
use systole_chip::{Options, Part, RtlTransport, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, HostError, RunOutput, Transport, Wake};
use systole_isa::ecc::{Ecc, WordCode};
use systole_isa::regs::offset;
use systole_isa::rram::{Layout, slot_bytes};
use systole_isa::{Config, Image};
use systole_verif::{AnyTransport, Backend, on_machine, random};

/// A small program, a frame, and what it gives on the instruction-level model.
struct Work {
    image: Image,
    frame: Vec<u8>,
    output: RunOutput,
}

fn work(config: &Config, seed: u64) -> Work {
    let (network, input) = random::gemm(seed, 3, 20 + 5 * (seed as usize % 5), 2 * config.cols as usize, false);
    let compiled = compile(&network.graph().unwrap(), config, &systole_compiler::Options::default()).unwrap();
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
    match driver.transport() {
        AnyTransport::Rtl(t) => t.power_cycle().await,
        AnyTransport::Model(_) => unreachable!("RTL only"),
    }
    driver.wait_rram().await.unwrap();
}

fn machine_error(result: Result<impl Sized, HostError>) -> &'static str {
    match result.err() {
        Some(HostError::Machine { name, .. }) => name,
        other => panic!("no error of the machine: {other:?}"),
    }
}

fn configs() -> Vec<Config> {
    let mut all = vec![named("tiny"), named("small"), named("tiny").with_weight_beats(4).unwrap()];
    all.extend([dected("tiny", 1), dected("small", 2)]);
    if std::env::var_os("SYSTOLE_LONG").is_some() {
        all.extend([named("wide"), named("base"), named("base").with_weight_beats(2).unwrap(), named("large")]);
        all.extend([dected("base", 1), dected("large", 4)]);
    }
    all
}

#[test]
fn a_committed_image_survives_a_power_cycle_and_runs_without_a_load() {
    for config in configs() {
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
                println!(
                    "{label}: {} cycles to wake, warm {}",
                    status.wake_cycles,
                    driver.rram_status().await.unwrap().wake_cycles
                );
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
    for config in [dected("tiny", 1), dected("small", 2)] {
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
        assert_eq!(machine_error(driver.program(&b.image, None).await), "RRAM_LOCKED");
        assert_eq!(driver.rram_status().await.unwrap().pulses, pulses);
        driver.transport().power_cycle().await;
        driver.program(&b.image, None).await.unwrap();
        driver.wake(Wake::Checked, &b.image).await.unwrap();
        assert_eq!(driver.run(&b.frame).await.unwrap(), b.output);
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
    let configs = [named("tiny"), named("small"), named("tiny").with_weight_beats(2).unwrap(), dected("tiny", 2)];
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
fn p6_a_hammered_line_moves_alike_on_rtl_and_model_and_every_other_line_keeps_its_words() {
    let config = named("tiny");
    let hammer = |backend| {
        let w = work(&config, 1);
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
