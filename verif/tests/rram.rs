// SPDX-License-Identifier: Apache-2.0
//! Images in RRAM on the whole chip: program, commit, power cycle, wake, locks, refusals.

use std::rc::Rc;
use systole_chip::{Options, Part, RtlTransport, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, RunOutput, Wake};
use systole_isa::{Config, Image};
use systole_verif::random;

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

fn on_chip<T: 'static, F: Future<Output = T> + 'static>(config: &Config, job: impl FnOnce(RtlTransport) -> F + 'static) -> T {
    run_chip(config, &Options::default(), job).unwrap_or_else(|e| panic!("{e}"))
}

fn configs() -> Vec<Config> {
    let name = |n: &str| Config::named(n).unwrap();
    let mut all = vec![name("tiny"), name("small"), name("tiny").with_weight_beats(4).unwrap()];
    if std::env::var_os("SYSTOLE_LONG").is_some() {
        all.extend([name("wide"), name("base"), name("base").with_weight_beats(2).unwrap(), name("large")]);
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

fn on_part<T: 'static, F: Future<Output = T> + 'static>(
    config: &Config,
    part: Part,
    job: impl FnOnce(RtlTransport) -> F + 'static,
) -> T {
    run_chip(config, &Options { part: Some(part), ..Options::default() }, job).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn on_the_device_model_a_program_needs_pulses_and_ten_years_do_no_harm() {
    let config = Config::named("small").unwrap();
    let w = work(&config, 1);
    let part = Part { pulse_cycles: 2, ..Part::default() };
    on_part(&config, part, move |t| async move {
        let mut driver = Driver::connect(t).await.unwrap();
        driver.program(&w.image, None).await.unwrap();
        let status = driver.rram_status().await.unwrap();
        println!("{status:?} {:?}", driver.transport().with_cells(|d| d.totals.clone()));
        assert!(status.pulses > 100 && status.retries > 10);
        driver.wake(Wake::Checked, &w.image).await.unwrap();
        assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
        driver.transport().with_cells(|d| d.age(3.156e8, 85.0)).unwrap();
        driver.transport().power_cycle().await;
        driver.wake(Wake::Checked, &w.image).await.unwrap();
        assert_eq!(driver.run(&w.frame).await.unwrap(), w.output);
        driver.scrub().await.unwrap();
        println!("{:?}", driver.rram_status().await.unwrap());
    });
}
