// SPDX-License-Identifier: Apache-2.0
//! The registers: each access in its cycles, whatever the chip shows beside it (docs/registers.md).

use crate::common::{bench, block};
use harness::Stream;
use harness::verilated::Spec;
use systole_isa::Config;
use systole_isa::latency::Latency;
use systole_isa::regs::{Access, ID_VALUE, REGS, Reg};

/// Reads and writes of the registers, each in its cycle, whatever the chip shows beside them.
fn spec() -> Spec {
    block("systole_regs").parameter("MACHINE", 7).parameter("X_DEPTH", 640).parameter("VEC_LANES", 2)
}

#[test]
fn registers_answer_a_write_after_two_cycles_and_a_read_after_three() {
    bench(&spec(), 8, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [arvalid, arready, araddr] = ["s_arvalid_i", "s_arready_o", "s_araddr_i"].map(s);
        let [rvalid, rready, rdata, rresp] = ["s_rvalid_o", "s_rready_i", "s_rdata_o", "s_rresp_o"].map(s);
        let [awvalid, awready, awaddr] = ["s_awvalid_i", "s_awready_o", "s_awaddr_i"].map(s);
        let [wvalid, wready, wdata, wstrb] = ["s_wvalid_i", "s_wready_o", "s_wdata_i", "s_wstrb_i"].map(s);
        let [bvalid, bready, bresp] = ["s_bvalid_o", "s_bready_i", "s_bresp_o"].map(s);
        let [vectors, rram, rram_address] = ["vectors_i", "rram_rdata_i", "rram_raddr_o"].map(s);
        // What the chip shows, by register.
        let shown = SHOWN.map(|(register, port)| (register, s(port)));
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
    });
}

/// What the registers hold (docs/registers.md).
#[derive(Default)]
struct Held {
    in_bytes: u64,
    out_bytes: u64,
    start_limit: u64,
    scratch: u64,
    irq_enable: u64,
    event_select: u64,
    pos: u64,
    entry: u64,
    auto: u64,
    stop: u64,
    tok: [u64; 8],
    /// Unknown until the low word was read once.
    vectors_high: Option<u64>,
}

impl Held {
    /// A register that holds what is written, and how many of its bits.
    fn place(&mut self, name: &str) -> Option<(&mut u64, u32)> {
        Some(match name {
            "IN_BYTES" => (&mut self.in_bytes, 32),
            "OUT_BYTES" => (&mut self.out_bytes, 32),
            "START_LIMIT" => (&mut self.start_limit, 32),
            "SCRATCH" => (&mut self.scratch, 32),
            "IRQ_ENABLE" => (&mut self.irq_enable, 7),
            "EVENT_SELECT" => (&mut self.event_select, 4),
            "POS" => (&mut self.pos, 16),
            "ENTRY" => (&mut self.entry, 16),
            "AUTO" => (&mut self.auto, 16),
            "STOP" => (&mut self.stop, 17),
            "TOK" => (&mut self.tok[0], 16),
            _ => (&mut self.tok[name.strip_prefix("TOK")?.parse::<usize>().ok()?], 16),
        })
    }
}

/// Inputs whose values registers show.
const SHOWN: [(&str, &str); 16] = [
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
    ("AUTO_CYCLES", "auto_cycles_i"),
];

/// What no input changes: the parameters.
fn fixed() -> Vec<(&'static str, u64)> {
    let latency = Latency::of(&Config::named("small").unwrap()); // of 8 rows, columns and lanes
    vec![
        ("ID", ID_VALUE.into()),
        ("FINGERPRINT", systole_isa::fingerprint().into()),
        ("CONFIG", 7),
        ("GEOMETRY", 8 | 8 << 8 | 2 << 16 | 2 << 24),
        ("X_DEPTH", 640),
        ("W_SRAM_DEPTH", 256),
        ("RRAM_DEPTH", 2048),
        ("ACC_DEPTH", 256),
        ("PARAM_DEPTH", 128),
        ("LUT_COUNT", 2),
        ("IN_DEPTH", 1024),
        ("OUT_DEPTH", 1024),
        ("TIMETABLE_DEPTH", 512),
        ("DESC_DEPTH", 512),
        ("LATENCY", latency.l.into()),
        ("LANE", 32 | 64 << 12),
        ("VEC_LANES", 2),
        ("V_DEPTH", 512),
        ("VEC_PARAM_DEPTH", 256),
        ("START", 0),
        ("ERROR_CLEAR", 0),
        ("CYCLES_HI", 0),
    ]
}

#[test]
fn registers_hold_act_and_go_on_with_the_runs_as_the_map_says_in_every_cycle() {
    let seen = bench(&spec(), 9, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [awvalid, awready, awaddr, bvalid, bready, bresp] =
            ["s_awvalid_i", "s_awready_o", "s_awaddr_i", "s_bvalid_o", "s_bready_i", "s_bresp_o"].map(s);
        let [wvalid, wready, wdata, wstrb] = ["s_wvalid_i", "s_wready_o", "s_wdata_i", "s_wstrb_i"].map(s);
        let [arvalid, arready, araddr, rvalid, rready, rdata, rresp] =
            ["s_arvalid_i", "s_arready_o", "s_araddr_i", "s_rvalid_o", "s_rready_i", "s_rdata_o", "s_rresp_o"].map(s);
        let [rst, wake_we, wake, waits, step, auto_clear, vectors] =
            ["rst_i", "wake_we_i", "wake_bytes_i", "waits_i", "step_i", "auto_clear_i", "vectors_i"].map(s);
        let [rram_rdata, rram_budget, rram_inject, rram_slot] =
            ["rram_rdata_i", "rram_budget_i", "rram_inject_i", "rram_slot_i"].map(s);
        let shown = SHOWN.map(|(register, port)| (register, s(port)));
        let pulses = [
            ("START", 1, s("start_o")),
            ("START", 2, s("abandon_o")),
            ("ERROR_CLEAR", 1, s("error_clear_o")),
            ("IRQ_STATUS", 0, s("irq_clear_we_o")),
            ("UPLOAD_TARGET", 0, s("set_target_o")),
            ("UPLOAD_ADDRESS", 0, s("set_address_o")),
        ];
        let [rram_we, rram_waddr, rram_raddr, value, entry_we, auto_o, stop_o, irq] =
            ["rram_we_o", "rram_waddr_o", "rram_raddr_o", "wdata_o", "entry_we_o", "auto_o", "stop_o", "irq_o"].map(s);
        let [in_bytes, out_bytes, start_limit, event_select, pos, tok, entry] =
            ["in_bytes_o", "out_bytes_o", "start_limit_o", "event_select_o", "pos_o", "tok_o", "entry_o"].map(s);
        let (fixed, mut random) = (fixed(), sim.random("stimuli"));
        let mut held = Held::default();
        // Address and data that were taken, the response since when; address taken when, and the answer.
        let (mut aw, mut w, mut answer) = (None::<u64>, None::<(u64, u64)>, None::<u64>);
        let (mut ar, mut reply) = (None::<(u64, u64)>, None::<(u64, u64)>);
        let (mut offered_aw, mut offered_w, mut offered_ar) = (None::<u64>, None::<(u64, u64)>, None::<u64>);
        let (mut raised, mut idle, mut seen) = (false, [0; 2], [0u32; 8]);
        rst.set(1);
        clk.rising_edge().await;
        let mut behind_reset = true;
        for t in 0..40_000u64 {
            // Offers stay until they are taken; half of all addresses are those of registers that runs move.
            let address = |random: &mut Stream| {
                let often =
                    ["POS", "TOK", "AUTO", "STOP", "ENTRY", "START", "TOK3", "TOK7", "SCRATCH", "EVENT_MACS_LO", "EVENT_MACS_HI"];
                match random.below(4) {
                    0 => random.below(0x200),
                    1 => u64::from(REGS[random.below(REGS.len() as u64) as usize].offset),
                    _ => {
                        let name = often[random.below(often.len() as u64) as usize];
                        u64::from(systole_isa::regs::offset(name)) + random.below(4)
                    }
                }
            };
            let busy = [0.9, 0.4, 0.1][t as usize / 300 % 3];
            if offered_aw.is_none() && random.chance(busy) {
                offered_aw = Some(address(&mut random));
            }
            if offered_w.is_none() && random.chance(busy) {
                let strobes = if random.chance(0.5) { 15 } else { random.below(16) };
                let data = random.below(1 << 32) & [!0, 3, 0xffff][random.below(3) as usize];
                offered_w = Some((data, strobes));
            }
            if offered_ar.is_none() && random.chance(busy) {
                offered_ar = Some(address(&mut random));
            }
            awvalid.set(offered_aw.is_some().into());
            awaddr.set(offered_aw.unwrap_or_else(|| random.below(0x200)));
            wvalid.set(offered_w.is_some().into());
            let (data, strobes) = offered_w.unwrap_or_else(|| (random.below(1 << 32), random.below(16)));
            wdata.set(data);
            wstrb.set(strobes);
            arvalid.set(offered_ar.is_some().into());
            araddr.set(offered_ar.unwrap_or_else(|| random.below(0x200)));
            let (takes_b, takes_r) = (random.chance(0.6), random.chance(0.6));
            bready.set(takes_b.into());
            rready.set(takes_r.into());
            // What the chip shows, and what its runs do.
            let mut numbers = shown.each_ref().map(|(_, port)| random.below(1 << port.width()));
            if random.chance(0.3) {
                numbers[14] = held.stop & 0xffff; // ARGMAX is the token of STOP
            }
            if random.chance(0.3) {
                numbers[4] = 0; // no cause of an interrupt
            }
            shown.iter().zip(numbers).for_each(|((_, port), number)| port.set(number));
            let number = |name: &str| numbers[shown.iter().position(|(register, _)| *register == name).unwrap()];
            let (all_vectors, wake_bytes) = (random.below(u64::MAX), random.below(1 << 32));
            let steps = held.auto != 0 && random.chance(0.2);
            let clears = !steps && random.chance(0.02);
            let (waiting, wakes) = (random.chance(0.5), if random.chance(0.02) { random.below(4) } else { 0 });
            let reset = random.chance(0.003);
            let (budget, inject, slot) = (random.below(1 << 32), random.below(1 << 32), random.below(2));
            vectors.set(all_vectors);
            wake.set(wake_bytes);
            step.set(steps.into());
            auto_clear.set(clears.into());
            waits.set(waiting.into());
            wake_we.set(wakes);
            rst.set(reset.into());
            rram_budget.set(budget);
            rram_inject.set(inject);
            rram_slot.set(slot);
            // The controller answers in the cycle of the address, and 0 where it has nothing.
            let named = |address: u64| REGS.iter().find(|r| u64::from(r.offset) == address & !3);
            let rram = |register: &Reg| register.name.starts_with("RRAM_") && register.name != "RRAM_DEPTH";
            let looks = ar.filter(|(_, since)| *since == t).map(|(address, _)| address);
            let controller = random.below(1 << 32);
            rram_rdata.set(if looks.and_then(named).is_some_and(rram) { controller } else { 0 });
            clk.rising_edge().await;

            // Settings.
            let settings = [&in_bytes, &out_bytes, &start_limit, &event_select, &entry].map(|signal| signal.get());
            let expected = [held.in_bytes, held.out_bytes, held.start_limit, held.event_select, held.entry];
            assert_eq!(settings, expected, "settings in cycle {t}");
            let next_tok = if steps { number("ARGMAX") } else { held.tok[0] };
            assert_eq!(pos.get(), (held.pos + u64::from(steps)) & 0xffff, "POS in cycle {t}");
            let mut tokens = [0; 16];
            tok.get_bytes(&mut tokens);
            let tokens: Vec<u64> = tokens.chunks(2).map(|b| u64::from(b[0]) | u64::from(b[1]) << 8).collect();
            let expected: Vec<u64> = std::iter::once(next_tok).chain(held.tok[1..].iter().copied()).collect();
            assert_eq!(tokens, expected, "tokens in cycle {t}");
            assert_eq!(auto_o.is_high(), held.auto != 0, "AUTO in cycle {t}");
            let stops = held.stop >> 16 == 1 && number("ARGMAX") == held.stop & 0xffff;
            assert_eq!(stop_o.is_high(), stops, "the token of STOP in cycle {t}");
            assert_eq!(irq.is_high(), raised, "interrupt in cycle {t}");
            raised = number("IRQ_STATUS") & held.irq_enable != 0;

            // A write acts in the cycle behind address and data, its response stands in the next.
            let acts = aw.zip(w).filter(|_| answer.is_none());
            let register = acts.and_then(|(address, _)| named(address));
            let name = register.map_or("", |r| r.name);
            let own = held.auto != 0;
            let allowed = register.is_some_and(|r| match r.name {
                "POS" => !own,
                "ENTRY" => !own && !waiting,
                n if n.starts_with("TOK") => !own,
                _ => r.access != Access::Ro,
            });
            let before = match name {
                "UPLOAD_TARGET" => number("UPLOAD_TARGET"),
                "UPLOAD_ADDRESS" => number("UPLOAD_ADDRESS"),
                "RRAM_SLOT" => slot,
                "RRAM_SCRUB_BUDGET" => budget,
                "RRAM_INJECT" => inject,
                _ => held.place(name).map_or(0, |(place, _)| *place),
            };
            let bytes =
                acts.map_or(0, |(_, (_, strobes))| (0..4).filter(|b| strobes >> b & 1 == 1).fold(0, |m, b| m | 0xff << (8 * b)));
            let new = acts.map_or(0, |(_, (data, _))| before & !bytes | data & bytes);
            for (pulse, bit, port) in &pulses {
                assert_eq!(port.is_high(), name == *pulse && (*bit == 0 || new & bit != 0), "{pulse} in cycle {t}");
            }
            assert_eq!(rram_we.is_high(), acts.is_some(), "a write for the controller in cycle {t}");
            if let Some((address, _)) = acts {
                assert_eq!(rram_waddr.get(), address & !3, "its address in cycle {t}");
                if register.is_some_and(|r| r.access != Access::Ro) {
                    assert_eq!(value.get(), new, "what is written to {name} in cycle {t}");
                }
            }
            assert_eq!(entry_we.is_high(), name == "ENTRY" && allowed, "ENTRY is written in cycle {t}");
            assert_eq!(bvalid.is_high().then(|| bresp.get()), answer, "a write's response in cycle {t}");
            let due = reply.filter(|_| ar.is_some_and(|(_, since)| t >= since + 2));
            assert_eq!(rvalid.is_high().then(|| rresp.get()), due.map(|(_, response)| response), "a read's answer in cycle {t}");
            if let Some((number, _)) = due.filter(|(number, _)| *number != u64::MAX) {
                assert_eq!(rdata.get(), number, "what is read at {:#x} in cycle {t}", ar.unwrap().0);
            }
            assert!(!behind_reset || !(awready.is_high() || wready.is_high() || arready.is_high()), "READY behind a reset");

            // A read looks in the cycle behind its address.
            if let Some(address) = looks {
                assert_eq!(rram_raddr.get(), address & !3, "the address of a read in cycle {t}");
                let known = named(address);
                let name = known.map_or("", |r| r.name);
                let number = if name == "EVENT_MACS_LO" {
                    {
                        held.vectors_high = Some(all_vectors >> 32);
                        all_vectors & 0xffff_ffff
                    }
                } else if name == "EVENT_MACS_HI" {
                    held.vectors_high.unwrap_or(u64::MAX)
                } else if known.is_some_and(rram) {
                    controller
                } else if let Some((_, number)) = fixed.iter().find(|(register, _)| *register == name) {
                    *number
                } else if SHOWN.iter().any(|(register, _)| *register == name) {
                    number(name)
                } else {
                    held.place(name).map_or(0, |(place, _)| *place)
                };
                reply = Some((number, if known.is_some() { 0 } else { 2 }));
                seen[0] += u32::from(known.is_some());
                seen[1] += u32::from(known.is_none());
            }

            // What the cycle's end changes.
            held.pos = (held.pos + u64::from(steps)) & 0xffff;
            held.tok[0] = next_tok;
            held.auto -= u64::from(steps);
            if acts.is_some() {
                if let Some((place, width)) = held.place(name).filter(|_| allowed) {
                    *place = new & ((1 << width) - 1);
                }
                answer = Some(if allowed { 0 } else { 2 });
                seen[2] += u32::from(allowed);
                seen[3] += u32::from(!allowed);
                seen[4] += u32::from(allowed && steps && name == "AUTO");
                seen[5] += u32::from(!allowed && own && name.starts_with("TOK"));
            } else if bvalid.is_high() && takes_b {
                (aw, w, answer) = (None, None, None);
            }
            if clears {
                held.auto = 0;
            }
            if wakes & 1 != 0 {
                held.in_bytes = wake_bytes;
            }
            if wakes & 2 != 0 {
                held.out_bytes = wake_bytes;
            }
            if rvalid.is_high() && takes_r {
                (ar, reply) = (None, None);
            }
            // One access of each kind at a time, and none waits long.
            let handshakes = [
                offered_aw.is_some() && awready.is_high(),
                offered_w.is_some() && wready.is_high(),
                offered_ar.is_some() && arready.is_high(),
            ];
            let under_way = [aw.is_some(), w.is_some(), ar.is_some()];
            idle[0] = if under_way[0] || under_way[1] { 0 } else { idle[0] + 1 };
            idle[1] = if under_way[2] { 0 } else { idle[1] + 1 };
            for n in 0..3 {
                assert!(!(handshakes[n] && under_way[n]), "a second access in cycle {t}");
            }
            assert!(idle[0] < 4 || awready.is_high() && wready.is_high(), "an idle channel takes a write, in cycle {t}");
            assert!(idle[1] < 4 || arready.is_high(), "an idle channel takes a read, in cycle {t}");
            if handshakes[0] {
                aw = offered_aw.take();
            }
            if handshakes[1] {
                w = offered_w.take();
            }
            if handshakes[2] {
                ar = offered_ar.take().map(|address| (address, t + 1));
            }
            behind_reset = reset;
            if reset {
                seen[6] += u32::from(answer.is_some());
                seen[7] += u32::from(ar.is_some());
                let high = held.vectors_high;
                held = Held { vectors_high: high, ..Held::default() };
                (aw, w, answer, ar, reply, raised, idle) = (None, None, None, None, None, false, [0; 2]);
            }
        }
        seen
    });
    assert!(seen.iter().all(|&n| n > 10), "every case came up: {seen:?}");
}
