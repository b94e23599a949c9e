// SPDX-License-Identifier: Apache-2.0
//! What keeps a part well: scrubs within runs and between them, and lines that wear and change places.

use super::*;
use systole_backends::rram_model::RramModel;
use systole_isa::Instruction;
use systole_isa::ecc::{Code, Verdict};

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
