// SPDX-License-Identifier: Apache-2.0
//! The host interface around a core and an image side that the bench plays: from registers and frames to a run and back.

use super::shared::stub::play;
use super::shared::wires::Wires;
use crate::common::{bench, block, side_by_side};
use harness::axi::{LiteMaster, StreamSink, StreamSource};
use harness::verilated::Spec;
use harness::{Clock, Pause, Sim};
use rand::RngExt;
use systole_isa::regs::{ERRORS, EVENTS, STATUS_BITS, offset};

const COLS: usize = 4;

fn spec(vector_lanes: u32) -> Spec {
    block("systole_host_if")
        .parameter("COLS", COLS)
        .parameter("ROWS", 4)
        .parameter("IN_DEPTH", 16)
        .parameter("OUT_DEPTH", 16)
        .parameter("VEC_LANES", vector_lanes)
}

fn registers(clk: &Clock) -> LiteMaster {
    LiteMaster::new(clk, "s_axil_", 100)
}

async fn write(registers: &mut LiteMaster, name: &str, value: u64) {
    registers.write(offset(name).into(), value).await.unwrap();
}

async fn read(registers: &mut LiteMaster, name: &str) -> u64 {
    registers.read(offset(name).into()).await.unwrap()
}

fn status(name: &str) -> u64 {
    1 << STATUS_BITS.iter().find(|b| b.name == name).unwrap().bit
}

/// A word of the IN buffer, as LOAD reads it: even and odd ones beside each other.
async fn word(sim: &Sim, clk: &Clock, n: u64) -> Vec<u8> {
    sim.signal("in_re_i").set(1);
    sim.signal("in_even_addr_i").set(n / 2);
    sim.signal("in_odd_addr_i").set(n / 2);
    clk.rising_edge().await;
    sim.signal("in_re_i").set(0);
    clk.cycles(2).await;
    let mut bytes = vec![0; COLS];
    sim.signal(if n.is_multiple_of(2) { "in_even_o" } else { "in_odd_o" }).get_bytes(&mut bytes);
    bytes
}

#[test]
fn a_start_waits_for_its_frame_runs_and_its_result_leaves() {
    bench(&spec(2), 1, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [arm, next, done, busy, on, lights] = ["arm_o", "next_o", "done_i", "busy_o", "run_on_o", "state_o"].map(s);
        let mut host = registers(&clk);
        let frames = StreamSource::new(&clk, "s_axis_in_", Pause::random(0.3, sim.random("frames")));
        let results = StreamSink::new(&clk, "m_axis_out_", Pause::random(0.3, sim.random("results")));
        let mut random = sim.random("bytes");
        write(&mut host, "ENTRY", 5).await;
        write(&mut host, "POS", 77).await;
        for run in 0..20u64 {
            let (bytes_in, bytes_out) = (random.random_range(1..=60u64), random.random_range(1..=60u64));
            let mut input = vec![0; bytes_in as usize];
            let mut output = vec![0; bytes_out as usize];
            random.fill(&mut input);
            random.fill(&mut output);
            write(&mut host, "IN_BYTES", bytes_in).await;
            write(&mut host, "OUT_BYTES", bytes_out).await;
            assert!(!busy.is_high());
            write(&mut host, "START", 1).await;
            for _ in 0..20 {
                clk.rising_edge().await;
                assert!(busy.is_high() && !arm.is_high() && !on.is_high(), "armed without a frame");
                assert_eq!(lights.get(), 0, "a start that waits is no run");
            }
            let waits = status("PENDING") | status("WAIT_IN");
            assert_eq!(read(&mut host, "STATUS").await & waits, waits);
            frames.send(input.clone());
            clk.until(200, "a run", || arm.is_high()).await.unwrap();
            assert_eq!((s("entry_o").get(), s("pos_o").get()), (5, 77));
            clk.cycles(2).await;
            assert!(on.is_high() && !next.is_high());
            assert_eq!(lights.get(), 0b0010, "a run is on");
            for (n, expected) in input.chunks(COLS).enumerate() {
                let got = word(&sim, &clk, n as u64).await;
                assert_eq!(&got[..expected.len()], expected, "word {n} of the frame");
            }
            for (n, chunk) in output.chunks(COLS).enumerate() {
                s("out_we_i").set(1);
                s("out_addr_i").set(n as u64);
                s("out_data_i").set_bytes(chunk);
                clk.rising_edge().await;
            }
            s("out_we_i").set(0);
            s("cycle_i").set(1000 + run);
            done.set(1);
            clk.rising_edge().await;
            done.set(0);
            assert_eq!(results.receive(400).await.unwrap(), output, "what the run wrote");
            clk.cycles(4).await;
            assert_eq!(lights.get(), 0);
            let counts = [
                ("RUNS", run + 1),
                ("EVENT_FRAMES_IN", run + 1),
                ("EVENT_FRAMES_OUT", run + 1),
                ("CYCLES_LO", 1000 + run),
                ("ERROR", 0),
            ];
            for (name, expected) in counts {
                assert_eq!(read(&mut host, name).await, expected, "{name} behind run {run}");
            }
        }
    });
}

#[test]
fn what_the_image_side_says_reaches_registers_and_lights_and_its_registers_reach_it() {
    bench(&spec(2), 2, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let mut host = registers(&clk);
        let lights = s("state_o");
        // Registers that are kept elsewhere: a write shows there, with its value.
        let seen = std::rc::Rc::new(std::cell::RefCell::new(vec![]));
        let (log, names) =
            (seen.clone(), ["set_target_o", "set_address_o", "rram_we_o", "error_clear_o", "wdata_o", "rram_waddr_o"]);
        let (watched, edge) = (names.map(s), clk.clone());
        sim.spawn("writes", async move {
            loop {
                edge.rising_edge().await;
                for n in 0..4 {
                    if watched[n].is_high() {
                        log.borrow_mut().push((names[n], watched[4].get(), watched[5].get()));
                    }
                }
            }
        });
        let taken = || std::mem::take(&mut *seen.borrow_mut());
        for (register, line, value) in [("UPLOAD_TARGET", "set_target_o", 3), ("UPLOAD_ADDRESS", "set_address_o", 0x1234_5678)] {
            write(&mut host, register, value).await;
            let writes: Vec<_> = taken().into_iter().filter(|w| w.0 != "rram_we_o").map(|w| (w.0, w.1)).collect();
            assert_eq!(writes, [(line, value)]);
        }
        write(&mut host, "RRAM_UNLOCK", 0xcafe).await;
        assert!(taken().contains(&("rram_we_o", 0xcafe, offset("RRAM_UNLOCK").into())));
        write(&mut host, "ERROR_CLEAR", 1).await;
        assert!(taken().iter().any(|w| w.0 == "error_clear_o"));
        // What stands there is read.
        for (register, port, value) in [
            ("UPLOAD_TARGET", "target_i", 5u64),
            ("UPLOAD_ADDRESS", "address_i", 0x8765_4321),
            ("UPLOAD_COUNT", "count_i", 0x1111_2222),
            ("ARGMAX", "argmax_i", 0x7654),
            ("SEQ_ROW", "row_i", 0x155),
            ("SEQ_CYCLE", "cycle_i", 0xfeed_f00d),
        ] {
            s(port).set(value);
            assert_eq!(read(&mut host, register).await, value, "{register}");
            s(port).set(0);
        }
        // A wake sets lengths of frames.
        for (bit, register, value) in [(1, "OUT_BYTES", 33), (0, "IN_BYTES", 44)] {
            s("wake_we_i").set(1 << bit);
            s("wake_bytes_i").set(value);
            clk.rising_edge().await;
            s("wake_we_i").set(0);
            assert_eq!(read(&mut host, register).await, value);
        }
        // Errors and lights: {an error, poison, a run, an image is awake}.
        for (port, light) in [("awake_i", 0b0001), ("poison_i", 0b0100)] {
            s(port).set(1);
            clk.cycles(2).await;
            assert_eq!(lights.get(), light, "{port}");
            s(port).set(0);
            clk.cycles(2).await;
            assert_eq!(lights.get(), 0);
        }
        let code = |name: &str| u64::from(ERRORS.iter().find(|e| e.name == name).unwrap().bit);
        for (port, value, error) in [
            ("rram_error_i", code("RRAM_CRC"), "RRAM_CRC"),
            ("refused_busy_i", 1, "UPLOAD_RUNNING"),
            ("refused_range_i", 1, "UPLOAD_RANGE"),
        ] {
            s(port).set(value);
            clk.rising_edge().await;
            s(port).set(0);
            clk.cycles(4).await;
            assert_eq!(lights.get(), 0b1000);
            assert_eq!(read(&mut host, "ERROR").await & 0xff, code(error), "{port}");
            write(&mut host, "ERROR_CLEAR", 1).await;
            assert_eq!(read(&mut host, "ERROR").await, 0);
        }
        write(&mut host, "IN_BYTES", 0).await;
        write(&mut host, "OUT_BYTES", 0).await;
        // While part of a unit is uploaded, and while the RRAM controller is at work, no run begins.
        for port in ["uploading_i", "rram_busy_i"] {
            s(port).set(1);
            write(&mut host, "START", 1).await;
            for _ in 0..10 {
                clk.rising_edge().await;
                assert!(!s("arm_o").is_high(), "armed with {port}");
            }
            s(port).set(0);
            clk.until(10, "a run", || s("arm_o").is_high()).await.unwrap();
            clk.cycles(3).await;
            s("done_i").set(1);
            clk.rising_edge().await;
            s("done_i").set(0);
            clk.cycles(3).await;
        }
    });
}

#[test]
fn events_are_counted_where_the_machine_counts_them() {
    // Events, and lanes of the vector unit: the counters that there are.
    side_by_side([(0u32, 0u32, 0usize), (1, 0, 9), (1, 2, 13)], |(events, lanes, counters)| {
        bench(&spec(lanes).parameter("EVENTS", events), 3, move |sim, clk| async move {
            let mut host = registers(&clk);
            for n in 0..13u64 {
                sim.signal("events_i").set(1 << n);
                clk.cycles(n + 1).await;
            }
            sim.signal("events_i").set(0);
            sim.signal("x_write_i").set(1);
            clk.cycles(100).await;
            sim.signal("x_write_i").set(0);
            for event in EVENTS {
                let n = u64::from(event.bit);
                write(&mut host, "EVENT_SELECT", n).await;
                let second = if event.name == "X_WRITE" { 100 } else { 0 };
                let expected = if n < counters as u64 { n + 1 + second } else { 0 };
                assert_eq!(read(&mut host, "EVENT_VALUE").await, expected, "{} of {counters} counters", event.name);
            }
        });
    });
}

/// Wires that have other names at their ends: of registers and run control.
const REGISTERS: [(&str, &str); 30] = [
    ("u_regs.s_awvalid_i", "s_axil_awvalid_i"),
    ("u_regs.s_awaddr_i", "s_axil_awaddr_i"),
    ("u_regs.s_wvalid_i", "s_axil_wvalid_i"),
    ("u_regs.s_wdata_i", "s_axil_wdata_i"),
    ("u_regs.s_wstrb_i", "s_axil_wstrb_i"),
    ("u_regs.s_bready_i", "s_axil_bready_i"),
    ("u_regs.s_arvalid_i", "s_axil_arvalid_i"),
    ("u_regs.s_araddr_i", "s_axil_araddr_i"),
    ("u_regs.s_rready_i", "s_axil_rready_i"),
    ("s_axil_awready_o", "u_regs.s_awready_o"),
    ("s_axil_wready_o", "u_regs.s_wready_o"),
    ("s_axil_bvalid_o", "u_regs.s_bvalid_o"),
    ("s_axil_bresp_o", "u_regs.s_bresp_o"),
    ("s_axil_arready_o", "u_regs.s_arready_o"),
    ("s_axil_rvalid_o", "u_regs.s_rvalid_o"),
    ("s_axil_rdata_o", "u_regs.s_rdata_o"),
    ("s_axil_rresp_o", "u_regs.s_rresp_o"),
    ("u_regs.seq_row_i", "row_i"),
    ("u_regs.seq_cycle_i", "cycle_i"),
    ("u_regs.event_value_i", "u_events.value_o"),
    ("u_events.select_i", "u_regs.event_select_o"),
    ("u_control.irq_clear_i", "u_regs.wdata_o"),
    ("u_control.in_none_i", "u_in.none_o"),
    ("u_control.in_full_i", "u_in.full_o"),
    ("u_control.in_next_full_i", "u_in.next_full_o"),
    ("u_control.out_room_i", "u_out.room_o"),
    ("u_control.out_next_room_i", "u_out.next_room_o"),
    ("u_control.out_busy_i", "u_out.busy_o"),
    ("busy_o", "u_control.busy_o"),
    ("run_on_o", "u_control.on_o"),
];

/// Of the buffers.
const BUFFERS: [(&str, &str); 21] = [
    ("u_in.bytes_i", "u_regs.in_bytes_o"),
    ("u_in.s_tvalid_i", "s_axis_in_tvalid_i"),
    ("u_in.s_tdata_i", "s_axis_in_tdata_i"),
    ("u_in.s_tkeep_i", "s_axis_in_tkeep_i"),
    ("u_in.s_tlast_i", "s_axis_in_tlast_i"),
    ("s_axis_in_tready_o", "u_in.s_tready_o"),
    ("u_in.re_i", "in_re_i"),
    ("u_in.even_addr_i", "in_even_addr_i"),
    ("u_in.odd_addr_i", "in_odd_addr_i"),
    ("in_even_o", "u_in.even_o"),
    ("in_odd_o", "u_in.odd_o"),
    ("u_out.bytes_i", "u_regs.out_bytes_o"),
    ("u_out.we_i", "out_we_i"),
    ("u_out.addr_i", "out_addr_i"),
    ("u_out.data_i", "out_data_i"),
    ("u_out.seal_i", "done_i"),
    ("u_out.m_tready_i", "m_axis_out_tready_i"),
    ("m_axis_out_tvalid_o", "u_out.m_tvalid_o"),
    ("m_axis_out_tdata_o", "u_out.m_tdata_o"),
    ("m_axis_out_tkeep_o", "u_out.m_tkeep_o"),
    ("m_axis_out_tlast_o", "u_out.m_tlast_o"),
];

#[test]
fn every_wire_of_the_host_interface_is_what_it_should_be_in_every_cycle() {
    let units = ["systole_regs", "systole_control", "systole_events", "systole_in_buffer", "systole_out_buffer"];
    bench(&play(spec(2), &units), 4, |sim, clk| async move {
        let pairs: Vec<_> = REGISTERS.into_iter().chain(BUFFERS).collect();
        let units = ["u_regs", "u_control", "u_events", "u_in", "u_out"];
        let mut wires = Wires::of(&sim, "systole_host_if", &units, &pairs);
        let mut random = sim.random("cycles");
        let vectors = EVENTS.iter().find(|e| e.name == "VECTORS").unwrap().bit;
        // Lights of the cycle before: {an error, poison, a run, an image is awake}.
        let mut lights = None;
        for _ in 0..600 {
            wires.any(&mut random);
            // One error, none, or several.
            match random.below(3) {
                0 => wires.says("u_control.error_o", 0),
                1 => wires.says("u_control.error_o", 1 << random.below(32)),
                _ => {}
            }
            clk.rising_edge().await;
            let w = &mut wires;
            w.is_if("state_o", lights);
            let shown = ["u_control.error_o", "poison_i", "u_control.on_o", "awake_i"];
            let shown = shown.into_iter().fold(0, |all, name| all << 1 | u64::from(w.is_high(name)));
            lights = Some(if w.is_high("rst_i") { 0 } else { shown });
            w.is("u_control.vector_i", w.at("events_i") >> vectors & 1);
            w.rest();
        }
        wires.done(590);
    });
}
