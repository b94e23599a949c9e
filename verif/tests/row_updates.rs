// SPDX-License-Identifier: Apache-2.0
//! Rows of a table changed in an image that is awake (docs/recommenders.md): only lines that differ are written, all rows
//! count at once, and runs between the lines and at the same time are what they were. On RTL and model.

use systole_backends::{AnyTransport, Backend, on_machine};
use systole_chip::{Options, Part};
use systole_compiler::compile;
use systole_host::{Driver, HostError, RunOutput, Transport, Wake};
use systole_isa::ecc::Ecc;
use systole_isa::regs::offset;
use systole_isa::rram::{Layout, slot_bytes};
use systole_isa::{Config, Image, Table};
use systole_verif::long;
use systole_workloads::random;

/// A product whose weights are a table of rows of C codes; a frame, and what it gives.
#[derive(Clone)]
struct Work {
    image: Image,
    frame: Vec<u8>,
    output: RunOutput,
}

fn ran(config: &Config, image: Image, frame: Vec<u8>) -> Work {
    let mut machine = systole_golden::Machine::new(config.clone());
    machine.load_image(&image).unwrap();
    let run = machine.run(&frame).unwrap();
    Work { image, frame, output: RunOutput { frame: run.frame, cycles: run.cycles } }
}

fn work(config: &Config, m: usize) -> Work {
    let (network, input) = random::gemm(3, m, 6 * config.rows as usize, 3 * config.cols as usize, false);
    let compiled = compile(&network.graph().unwrap(), config, &systole_compiler::Options::default()).unwrap();
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    let mut image = compiled.image;
    let rows = image.weights.len() as u32 / config.cols;
    image.tables = vec![Table { name: "weights".into(), rows, width: config.cols, base: 0, stride: 0 }];
    ran(config, image, frame)
}

/// Other rows, each code of them another one.
fn changed(config: &Config, old: &Work, rows: &[u32]) -> Work {
    let mut image = old.image.clone();
    for &row in rows {
        let codes: Vec<i8> = image.row("weights", row, config).unwrap().iter().map(|c| c ^ 0x55).collect();
        image.set_rows("weights", &[(row, &codes)], config).unwrap();
    }
    image.follows(&old.image, config).unwrap();
    ran(config, image, old.frame.clone())
}

/// On cells that switch, drift and wear; pulses of two cycles.
fn on_part<T: 'static>(
    backend: Backend,
    config: Config,
    job: impl AsyncFnOnce(&mut Driver<AnyTransport>, Config) -> T + 'static,
) -> T {
    let options = Options { part: Some(Part { pulse_cycles: 2, ..Part::default() }), ..Options::default() };
    on_machine(backend, &config.clone(), &options, async move |driver| Ok(job(driver, config).await))
        .unwrap_or_else(|e| panic!("{e:#}"))
}

fn configs() -> Vec<Config> {
    let named = |name: &str| Config::named(name).unwrap();
    let beats = |n: u32| named("tiny").with_weight_beats(n).unwrap();
    // Four beats in the long suite alone: of the quick one's other tests none has their model with cells.
    let rare = long().then(|| beats(4));
    [named("tiny"), named("small"), beats(2).with_ecc(Ecc::DecTed)].into_iter().chain(rare).collect()
}

#[test]
fn runs_between_the_lines_of_an_update_are_those_of_the_old_rows_and_behind_it_of_the_new_ones() {
    for (backend, config) in [Backend::Rtl, Backend::Model].into_iter().flat_map(|b| configs().into_iter().map(move |c| (b, c))) {
        let label = format!("{} {backend:?}", config.label());
        let first = work(&config, 3);
        let second = changed(&config, &first, &[1, config.rows + 2]);
        let third = changed(&config, &second, &[0, 1, 2 * config.rows]);
        assert!(first.output.frame != second.output.frame && second.output.frame != third.output.frame);
        on_part(backend, config.clone(), async move |driver, config| {
            driver.program(&first.image, None).await.unwrap();
            driver.wake(Wake::Checked, &first.image).await.unwrap();
            let mut old = first;
            for (n, new) in [second, third].into_iter().enumerate() {
                assert_eq!(driver.run(&old.frame).await.unwrap(), old.output, "{label}");
                let before = driver.rram_status().await.unwrap();
                let mut update = driver.begin_update(&old.image, &new.image).await.unwrap();
                let lines = update.left();
                while driver.write_update(&mut update, 1).await.unwrap() {
                    assert_eq!(driver.run(&old.frame).await.unwrap(), old.output, "{label}: {} lines left", update.left());
                }
                assert_eq!(driver.run(&old.frame).await.unwrap(), old.output, "{label}: before the commit");
                let done = driver.commit_update(update).await.unwrap();
                assert_eq!((done.lines as usize, done.words), (lines, lines as u32 * config.rows), "{label}");
                // The first one fills a slot that held nothing; the next one knows what lies there.
                assert_eq!((done.whole, done.slot), (n == 0, 1 - n as u32), "{label}");
                assert_eq!(driver.run(&old.frame).await.unwrap(), old.output, "{label}: committed, the old image is awake");
                driver.wake(Wake::Warm, &new.image).await.unwrap();
                assert_eq!(driver.run(&new.frame).await.unwrap(), new.output, "{label}");
                let after = driver.rram_status().await.unwrap();
                assert_eq!(after.epoch, before.epoch + 1, "{label}");
                if n == 1 {
                    let all = slot_bytes(&new.image, &config).1.lines;
                    assert!((done.lines as usize) < all as usize / 2, "{label}: {} of {all} lines", done.lines);
                }
                driver.transport().power_cycle().await.unwrap();
                driver.wait_rram().await.unwrap();
                driver.adopt(&new.image).await.unwrap();
                assert_eq!(driver.run(&new.frame).await.unwrap(), new.output, "{label}: power came back");
                old = new;
            }
        });
    }
}

/// What a run in flight gives, and the cycles that it took.
async fn finish(driver: &mut Driver<AnyTransport>, bytes: usize) -> RunOutput {
    let frame = driver.transport().receive_frame(1_000_000).await.unwrap();
    let low = driver.transport().read(offset("CYCLES_LO")).await.unwrap();
    driver.transport().write(offset("IRQ_STATUS"), 1).await.unwrap();
    RunOutput { frame: frame[..bytes].to_vec(), cycles: low.into() }
}

#[test]
fn a_run_in_flight_takes_its_cycles_the_words_of_an_update_are_refused_and_a_start_waits_for_the_line() {
    // Most of the time is that of the lines of `small`.
    for config in configs().into_iter().filter(|c| long() || c.name != "small") {
        let label = config.label();
        let first = work(&config, 40);
        let second = changed(&config, &first, &[1, config.rows + 2]);
        let third = changed(&config, &second, &[0, 5]);
        let bytes = first.output.frame.len();
        on_part(Backend::Rtl, config, async move |driver, config| {
            driver.program(&first.image, None).await.unwrap();
            driver.wake(Wake::Checked, &first.image).await.unwrap();
            driver.update(&first.image, &second.image).await.unwrap();
            let mut update = driver.begin_update(&second.image, &third.image).await.unwrap();
            let lines = update.left();
            // A run is on: what comes on the stream is refused, and nothing of it is written.
            let pulses = driver.rram_status().await.unwrap().pulses;
            driver.transport().queue_frame(second.frame.clone()).await.unwrap();
            driver.transport().write(offset("START"), 1).await.unwrap();
            let refused = driver.write_update(&mut update, 1).await;
            assert!(matches!(refused, Err(HostError::Machine { name: "UPLOAD_RUNNING", .. })), "{label}: {refused:?}");
            let run = finish(driver, bytes).await;
            assert_eq!(run, second.output, "{label}: the run that was on");
            driver.clear_error().await.unwrap();
            let status = driver.rram_status().await.unwrap();
            assert_eq!((status.pulses, update.left()), (pulses, lines), "{label}");
            // A line is being programmed: a start waits for its end, and then takes its cycles.
            driver.unlock().await.unwrap();
            driver.transport().write(offset("RRAM_SLOT"), 0).await.unwrap();
            driver.transport().write(offset("UPLOAD_TARGET"), 4).await.unwrap();
            let size = Layout::of(&config).line_bytes as usize;
            let line = slot_bytes(&third.image, &config).0[..size].to_vec();
            driver.transport().send_image(&line).await.unwrap();
            driver.transport().queue_frame(second.frame.clone()).await.unwrap();
            driver.transport().write(offset("START"), 1).await.unwrap();
            let run = finish(driver, bytes).await;
            assert_eq!(run, second.output, "{label}: the start that waited");
            assert!(driver.rram_status().await.unwrap().pulses > pulses, "{label}: the line was written");
            // And the rest of the update is as ever.
            let done = driver.commit_update(update).await.unwrap();
            assert!(!done.whole, "{label}");
            driver.wake(Wake::Checked, &third.image).await.unwrap();
            assert_eq!(driver.run(&third.frame).await.unwrap(), third.output, "{label}");
        });
    }
}

#[test]
fn an_update_of_another_image_than_the_one_awake_is_refused_and_one_onto_unknown_lines_writes_them_all() {
    let config = Config::named("tiny").unwrap();
    let first = work(&config, 2);
    let second = changed(&config, &first, &[1]);
    let third = changed(&config, &second, &[2]);
    let fourth = changed(&config, &third, &[3]);
    for backend in [Backend::Rtl, Backend::Model] {
        let (first, second, third, fourth) = (first.clone(), second.clone(), third.clone(), fourth.clone());
        on_part(backend, config.clone(), async move |driver, config| {
            let none = driver.begin_update(&first.image, &second.image).await;
            assert!(matches!(none, Err(HostError::OtherImage { found: 0, .. })), "{none:?}");
            driver.program(&first.image, None).await.unwrap();
            driver.wake(Wake::Checked, &first.image).await.unwrap();
            let other = driver.begin_update(&second.image, &third.image).await;
            assert!(matches!(other, Err(HostError::OtherImage { .. })), "{other:?}");
            driver.update(&first.image, &second.image).await.unwrap();
            // Slot 0 gets the image of something else meanwhile, of which the host does not know.
            driver.program(&work(&config, 1).image, None).await.unwrap();
            driver.program(&second.image, None).await.unwrap();
            driver.wake(Wake::Checked, &second.image).await.unwrap();
            let done = driver.update(&second.image, &third.image).await.unwrap();
            let all = slot_bytes(&third.image, &config).1.lines;
            assert!(done.whole && done.lines > all, "{done:?}: some lines, then all {all}");
            assert_eq!(driver.run(&third.frame).await.unwrap(), third.output);
            let done = driver.update(&third.image, &fourth.image).await.unwrap();
            assert!(!done.whole, "{done:?}");
            assert_eq!(driver.run(&fourth.frame).await.unwrap(), fourth.output);
        });
    }
}
