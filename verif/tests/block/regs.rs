// SPDX-License-Identifier: Apache-2.0
//! The registers: each access in its cycles, whatever the chip shows beside it (docs/registers.md).

use crate::common::{bench, block};
use systole_isa::regs::REGS;

/// Reads and writes of the registers, each in its cycle, whatever the chip shows beside them.
#[test]
fn registers_answer_a_write_after_two_cycles_and_a_read_after_three() {
    bench(
        &block("systole_regs").parameter("MACHINE", 7).parameter("X_DEPTH", 640).parameter("VEC_LANES", 2),
        8,
        |sim, clk| async move {
            let s = |n: &str| sim.signal(n);
            let [arvalid, arready, araddr] = ["s_arvalid_i", "s_arready_o", "s_araddr_i"].map(s);
            let [rvalid, rready, rdata, rresp] = ["s_rvalid_o", "s_rready_i", "s_rdata_o", "s_rresp_o"].map(s);
            let [awvalid, awready, awaddr] = ["s_awvalid_i", "s_awready_o", "s_awaddr_i"].map(s);
            let [wvalid, wready, wdata, wstrb] = ["s_wvalid_i", "s_wready_o", "s_wdata_i", "s_wstrb_i"].map(s);
            let [bvalid, bready, bresp] = ["s_bvalid_o", "s_bready_i", "s_bresp_o"].map(s);
            let [vectors, rram, rram_address] = ["vectors_i", "rram_rdata_i", "rram_raddr_o"].map(s);
            // What the chip shows, by register.
            let shown = [
                ("STATUS", "status_i"),
                ("ERROR", "error_i"),
                ("CYCLES_LO", "cycles_i"),
                ("RUNS", "runs_i"),
                ("IRQ_STATUS", "irq_status_i"),
                ("EVENT_FRAMES_IN", "frames_in_i"),
                ("EVENT_FRAMES_OUT", "frames_out_i"),
                ("EVENT_FRAMES_DROPPED", "frames_dropped_i"),
                ("UPLOAD_TARGET", "target_i"),
                ("UPLOAD_ADDRESS", "address_i"),
                ("UPLOAD_COUNT", "count_i"),
                ("SEQ_ROW", "seq_row_i"),
                ("SEQ_CYCLE", "seq_cycle_i"),
                ("EVENT_VALUE", "event_value_i"),
                ("ARGMAX", "argmax_i"),
            ]
            .map(|(register, port)| (register, s(port)));
            let fixed = [("CONFIG", 7), ("X_DEPTH", 640), ("VEC_LANES", 2), ("CYCLES_HI", 0), ("START", 0)];
            let held = ["IN_BYTES", "OUT_BYTES", "START_LIMIT", "SCRATCH"];
            let mut random = sim.random("registers");
            let mut kept = [0u64; 4];
            let mut high = 0;
            for n in 0..2000u32 {
                // Any address, one that has no register among them, with a random hold of READY.
                let address = random.below(0x200) as u32;
                let place = address & !3;
                let register = REGS.iter().find(|r| r.offset == place);
                let (hold, now) = (random.below(4), random.below(u64::MAX));
                // A write of one of those that only hold, and its response.
                let which = n as usize % held.len();
                let value = random.below(1 << 32);
                awaddr.set(REGS.iter().find(|r| r.name == held[which]).unwrap().offset.into());
                wdata.set(value);
                wstrb.set(15);
                for line in [&awvalid, &wvalid] {
                    line.set(1);
                }
                clk.until(5, "AWREADY", || awready.is_high() && wready.is_high()).await.unwrap();
                for line in [&awvalid, &wvalid] {
                    line.set(0);
                }
                for after in 1..=2 {
                    clk.rising_edge().await;
                    assert_eq!(bvalid.is_high(), after == 2, "BVALID {after} cycles behind the write");
                }
                assert_eq!(bresp.get(), 0);
                bready.set(1);
                clk.rising_edge().await;
                bready.set(0);
                kept[which] = value;
                // What the chip shows stands in the cycle behind the address alone.
                arvalid.set(1);
                araddr.set(address.into());
                clk.until(5, "ARREADY", || arready.is_high()).await.unwrap();
                arvalid.set(0);
                let there = register.is_some_and(|r| r.name.starts_with("RRAM_") && r.name != "RRAM_DEPTH");
                let numbers = shown.each_ref().map(|(_, port)| now.rotate_left(port.width()) & ((1 << port.width()) - 1));
                for ((_, port), number) in shown.iter().zip(numbers) {
                    port.set(number);
                }
                vectors.set(now);
                rram.set(if there { now >> 32 } else { 0 });
                clk.rising_edge().await;
                assert_eq!(rram_address.get(), u64::from(place));
                for (_, port) in &shown {
                    port.set(0);
                }
                vectors.set(0);
                rram.set(0);
                for after in 2..=3 {
                    assert!(!rvalid.is_high(), "RVALID before {after} cycles");
                    clk.rising_edge().await;
                }
                let name = register.map_or("", |r| r.name);
                let expected = if there {
                    now >> 32
                } else if name == "EVENT_MACS_LO" {
                    high = now >> 32;
                    now & 0xffff_ffff
                } else if let Some(at) = held.iter().position(|h| *h == name) {
                    kept[at]
                } else if let Some(at) = shown.iter().position(|(r, _)| *r == name) {
                    numbers[at]
                } else if let Some((_, number)) = fixed.iter().find(|(r, _)| *r == name) {
                    *number
                } else if name == "EVENT_MACS_HI" {
                    high
                } else {
                    rdata.get()
                };
                for _ in 0..=hold {
                    assert!(rvalid.is_high());
                    assert_eq!(rresp.get(), if register.is_some() { 0 } else { 2 }, "response at {address:#x}");
                    assert_eq!(rdata.get(), expected, "{name} at {address:#x}");
                    clk.rising_edge().await;
                }
                rready.set(1);
                clk.rising_edge().await;
                rready.set(0);
            }
        },
    );
}
