// SPDX-License-Identifier: Apache-2.0
//! What must not be written: locks, slots, records that are wrong, a reset in between.

use super::*;

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
