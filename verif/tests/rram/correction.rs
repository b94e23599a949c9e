// SPDX-License-Identifier: Apache-2.0
//! Wrong bits and stuck cells: what the code corrects, what is poison, what is retired.

use super::*;

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
        on_healthy_cells(&config, move |t| async move {
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
