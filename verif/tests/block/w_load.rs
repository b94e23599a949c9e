// SPDX-License-Identifier: Apache-2.0
//! What loads weights where there is no RRAM.

use crate::common::{bench, block};
use rand::RngExt;
use systole_isa::regs::{ERRORS, offset};

#[test]
fn the_image_stream_writes_words_and_what_asks_for_a_controller_is_an_error() {
    let spec = block("systole_w_load").parameter("ROWS", 8).parameter("COLS", 4).parameter("RRAM_DEPTH", 64);
    let absent = u64::from(ERRORS.iter().find(|e| e.name == "RRAM_ABSENT").unwrap().bit);
    bench(&spec, 4, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [we, wa, sv, sr, si, sd] = ["we_i", "waddr_i", "s_valid_i", "s_record_i", "s_index_i", "s_data_i"].map(s);
        let [owe, ol, od, oe] = ["we_o", "line_o", "data_o", "error_o"].map(s);
        let mut random = sim.random("words");
        let (mut before, mut errors, mut words) = (None, 0, 0);
        for _ in 0..2000 {
            let (valid, record, write) = (random.chance(0.5), random.chance(0.1), random.chance(0.2));
            let index = random.random_range(0..8 * 64u64);
            let data = u64::from(random.random::<u32>());
            let name = ["RRAM_COMMAND", "RRAM_UNLOCK", "RRAM_SLOT", "SCRATCH"][random.random_range(0..4usize)];
            for (signal, value) in [(&sv, valid.into()), (&sr, record.into()), (&si, index), (&sd, data)] {
                signal.set(value);
            }
            we.set(write.into());
            wa.set(offset(name).into());
            clk.rising_edge().await;
            if let Some((word, error)) = before {
                assert_eq!(oe.get(), if error { absent } else { 0 });
                errors += u32::from(error);
                match word {
                    Some((index, data)) => {
                        assert_eq!((owe.get(), ol.get(), od.get()), (1u64 << (index % 8), index / 8, data));
                        words += 1;
                    }
                    None => assert_eq!(owe.get(), 0),
                }
            }
            let error = valid && record || write && name == "RRAM_COMMAND";
            before = Some(((valid && !record).then_some((index, data)), error));
        }
        assert!(errors > 100 && words > 500);
    });
}
