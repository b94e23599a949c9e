// SPDX-License-Identifier: Apache-2.0
//! A committed image: it survives without power, wakes, ages, on RTL and model.

use super::*;
use systole_isa::rram::Record;

fn configs() -> Vec<Config> {
    let mut all = vec![named("tiny"), named("small"), named(TALL).with_weight_beats(4).unwrap(), dected("tiny", 2)];
    if long() {
        all.push(named("tiny").with_weight_beats(4).unwrap());
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
