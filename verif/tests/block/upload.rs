// SPDX-License-Identifier: Apache-2.0
//! The image upload: every target in order, and what is beyond a memory.

use crate::common::{bench, block, side_by_side};
use harness::axi::StreamSource;
use harness::{Pause, Stream};

/// Uploads to one target and returns its writes as (address, data), in order.
fn upload(cols: usize, target: u64, bytes: Vec<u8>) -> (Vec<(u64, u64)>, bool) {
    let spec = block("systole_upload").parameter("ROWS", cols).parameter("COLS", cols).parameter("RRAM_DEPTH", 64);
    bench(&spec, 3, move |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let source = StreamSource::new(&clk, "s_", Pause::random(0.2, sim.random("source")));
        s("set_target_i").set(1);
        s("set_data_i").set(target);
        clk.rising_edge().await;
        s("set_target_i").set(0);
        let names = ["row_we_o", "desc_we_o", "param_we_o", "lut_we_o", "rram_valid_o"];
        let we = s(names[target as usize]);
        let (program, param, data) = (s("program_addr_o"), s("param_addr_o"), s("data_o"));
        let (lut_addr, lut_data) = (s("lut_addr_o"), s("lut_data_o"));
        let (ready, index, word) = (s("rram_ready_i"), s("rram_index_o"), s("rram_data_o"));
        let mut pauses = sim.random("ready");
        let refused = s("refused_range_o");
        source.send(bytes);
        let (mut writes, mut range) = (Vec::new(), false);
        for _ in 0..6000 {
            let takes = pauses.chance(0.5);
            ready.set(takes.into());
            clk.rising_edge().await;
            range |= refused.is_high();
            if we.is_high() && (target < 4 || takes) {
                writes.push(match target {
                    0 | 1 => (program.get(), data.get()),
                    2 => (param.get(), data.get()),
                    3 => (lut_addr.get(), lut_data.get()),
                    _ => (index.get(), word.get()),
                });
            }
        }
        (writes, range)
    })
}

#[test]
fn upload_writes_every_target_in_order_for_every_width() {
    let mut random = Stream::new(1, "upload");
    let mut bytes = vec![0u8; 256];
    random.fill(&mut bytes);
    side_by_side([4usize, 8, 16, 32], |cols| {
        for target in 0..3 {
            let (writes, range) = upload(cols, target, bytes.clone());
            let expected: Vec<(u64, u64)> =
                bytes.chunks(8).enumerate().map(|(n, b)| (n as u64, u64::from_le_bytes(b.try_into().unwrap()))).collect();
            assert_eq!(writes, expected, "{cols} columns, target {target}");
            assert!(!range);
        }
        let (writes, _) = upload(cols, 3, bytes.clone());
        let expected: Vec<(u64, u64)> = bytes.iter().enumerate().map(|(n, &b)| (n as u64, b.into())).collect();
        assert_eq!(writes, expected, "{cols} columns, lookup tables");
        let (writes, _) = upload(cols, 4, bytes.clone());
        let expected: Vec<(u64, u64)> = bytes
            .chunks(cols)
            .enumerate()
            .map(|(n, b)| {
                let mut low = [0u8; 8];
                low[..cols.min(8)].copy_from_slice(&b[..cols.min(8)]);
                (n as u64, u64::from_le_bytes(low))
            })
            .collect();
        assert_eq!(writes, expected, "{cols} columns, RRAM, at the pace of its controller");
    });
}

#[test]
fn upload_beyond_a_memory_is_refused_and_reported() {
    // 64 words x 8 rows x 8 bytes of RRAM, and one word more.
    let (writes, range) = upload(8, 4, vec![1; 64 * 8 * 8 + 8]);
    assert_eq!(writes.len(), 64 * 8);
    assert!(range);
}
