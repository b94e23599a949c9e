// SPDX-License-Identifier: Apache-2.0
//! The engine of docs/rram-engine.md in Verilog beside the one in Rust: random programs, instruction by instruction.

use crate::common::block;
use harness::verilated::Model;
use rand::{Rng, RngExt};
use std::collections::BTreeMap;
use systole_backends::rram_engine::{Engine, Hands, rom};
use systole_isa::rram_engine::{Fault, MEMORY_WORDS, Op, ROM_WORDS, Word, parity, program};
use systole_workloads::random::generator;

/// What the outside does, by number alone, so that both engines meet the same.
#[derive(Clone, Copy)]
struct Outside(u32);

impl Outside {
    fn hash(self, what: u32, n: u32) -> u32 {
        let x = (self.0 ^ what.wrapping_mul(0x9e37_79b9)).wrapping_add(n).wrapping_mul(0x85eb_ca6b);
        (x ^ x >> 13).wrapping_mul(0xc2b2_ae35) ^ x >> 7
    }
    fn input(self, n: u32) -> u32 {
        self.hash(1, n)
    }
    /// Cycles of the verb of that number, and the word that it leaves in memory.
    fn verb(self, n: u32) -> (u32, usize, u32) {
        (1 + self.hash(2, n) % 9, self.hash(3, n) as usize % MEMORY_WORDS, self.hash(4, n))
    }
}

struct Given {
    outside: Outside,
    verbs: Vec<u32>,
    cycles: u64,
}

impl Hands for Given {
    fn get(&mut self, input: u32) -> u32 {
        self.outside.input(input)
    }
    fn put(&mut self, _: u32, _: u32) {}
    fn verb(&mut self, verb: u32, bound: u32, memory: &mut [u32; MEMORY_WORDS]) -> Option<()> {
        let (cycles, at, value) = self.outside.verb(self.verbs.len() as u32);
        self.verbs.push(verb);
        let late = bound != 0 && u64::from(cycles) > 1 << bound;
        self.cycles += 1 + if late { 1 << bound } else { u64::from(cycles) };
        if late {
            return None;
        }
        memory[at] = value;
        Some(())
    }
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Trace {
    outputs: Vec<(u32, u32)>,
    verbs: Vec<u32>,
    fault: u32,
    cycles: u64,
}

fn in_rust(rom: &[(u32, u32)], outside: Outside, steps: usize) -> Trace {
    let mut engine = Engine::new(rom.to_vec(), 20);
    let mut given = Given { outside, verbs: vec![], cycles: 2 }; // the first word
    let mut trace = Trace::default();
    for _ in 0..steps {
        given.cycles += 2;
        match engine.step(&mut given) {
            Ok(retired) => {
                given.cycles += u64::from(engine.jumped());
                trace.outputs.extend(retired.output);
            }
            Err(fault) => {
                trace.fault = fault as u32;
                break;
            }
        }
    }
    Trace { verbs: given.verbs, cycles: given.cycles, ..trace }
}

/// As many cycles as the Rust engine took, and one to see the last output; behind a fault three more, in which nothing may happen.
fn in_verilog(model: &mut Model, rom: &[(u32, u32)], outside: Outside, (cycles, faulty): (u64, bool)) -> Trace {
    let port = |name: &str| model.port(name).unwrap();
    let (clk, rst, rom_addr, rom_data) = (port("clk_i"), port("rst_i"), port("rom_addr_o"), port("rom_data_i"));
    let (in_addr, input, we, out_addr, out) =
        (port("in_addr_o"), port("in_i"), port("out_we_o"), port("out_addr_o"), port("out_o"));
    let (start, verb, done, fault) = (port("verb_start_o"), port("verb_o"), port("verb_done_i"), port("fault_o"));
    let (mem_we, mem_addr, mem_data) = (port("mem_we_i"), port("mem_addr_i"), port("mem_data_i"));
    let mut trace = Trace::default();
    let mut left = None; // cycles up to the end of the verb
    model.set(rst, 1);
    for cycle in 0..cycles + if faulty { 5 } else { 2 } {
        if cycle == 1 {
            model.set(rst, 0);
            trace = Trace::default();
        }
        // What stands in this cycle.
        model.set(clk, 0);
        model.eval();
        let from = model.get(in_addr) as u32;
        model.set(input, outside.input(from).into());
        if cycle > 0 && model.get(we) == 1 {
            trace.outputs.push((model.get(out_addr) as u32, model.get(out) as u32));
        }
        if cycle > 0 && model.get(start) == 1 {
            left = Some(outside.verb(trace.verbs.len() as u32));
            trace.verbs.push(model.get(verb) as u32);
        }
        let ends = left.is_some_and(|l| l.0 == 0);
        model.set(done, ends.into());
        model.set(mem_we, ends.into());
        if let Some((cycles, at, value)) = left {
            model.set(mem_addr, at as u64);
            model.set(mem_data, value.into());
            left = (cycles > 0).then(|| (cycles - 1, at, value));
        }
        trace.fault = if cycle > 0 { model.get(fault) as u32 } else { 0 };
        if trace.fault != 0 && trace.cycles == 0 {
            trace.cycles = cycle - 1;
        }
        let at = model.get(rom_addr) as usize;
        model.eval();
        model.set(clk, 1);
        model.eval();
        model.set(rom_data, u64::from(rom[at].0) | u64::from(rom[at].1) << 32);
    }
    trace
}

/// All registers and words of memory are set; then whatever comes, most of it legal.
fn random_rom(rng: &mut impl Rng) -> Vec<(u32, u32)> {
    let word = |op, constant, d, a, k| Word { op, mark: false, constant, d, a, condition: 0, k };
    let mut words: Vec<u32> = vec![];
    for d in 1..16 {
        words.push(word(Op::Add, true, d, 0, rng.random_range(0..1 << 16)).encode());
        words.push(word(Op::Ror, true, d, d, 16).encode());
        words.push(word(Op::Add, true, d, d, rng.random_range(0..1 << 16)).encode());
    }
    (0..MEMORY_WORDS as u32).for_each(|k| words.push(word(Op::Store, true, 1 + k % 15, 0, k).encode()));
    while words.len() < ROM_WORDS {
        let op = Op::ALL[rng.random_range(0..Op::ALL.len())];
        let w = Word {
            op,
            mark: rng.random_range(0..24) != 0,
            constant: rng.random(),
            d: rng.random_range(0..16),
            a: rng.random_range(0..16),
            condition: rng.random_range(0..4),
            k: match op {
                Op::Branch | Op::Call => rng.random_range(100..ROM_WORDS as u32),
                Op::Do => rng.random_range(0..16) | [0, 2, 3, 4, 5][rng.random_range(0..5)] << 8,
                _ => rng.random_range(0..1 << 16),
            },
        };
        // What is seen are outputs: most instructions have one behind them.
        words.push(if rng.random_range(0..200) == 0 { rng.random() } else { w.encode() });
        if words.len() < ROM_WORDS && rng.random_range(0..3) != 0 && !matches!(op, Op::Branch | Op::Call) {
            words.push(Word { mark: true, ..word(Op::Put, true, w.d, 0, rng.random_range(0..32)) }.encode());
        }
    }
    let wrong = |rng: &mut dyn Rng| u32::from(rng.next_u32().is_multiple_of(400));
    words.iter().enumerate().map(|(at, &w)| (w, parity(at as u32, w) ^ if at < 100 { 0 } else { wrong(rng) })).collect()
}

#[test]
fn verilog_and_rust_run_random_programs_alike_cycle_and_fault_too() {
    let mut model = Model::new(&block("systole_rram_engine").build().unwrap()).unwrap();
    let (mut rng, mut faults, mut outputs) = (generator(5), BTreeMap::new(), 0);
    for _ in 0..600 {
        let (rom, outside) = (random_rom(&mut rng), Outside(rng.random()));
        let expected = in_rust(&rom, outside, 600);
        let got = in_verilog(&mut model, &rom, outside, (expected.cycles, expected.fault != 0));
        assert_eq!((&got.outputs, &got.verbs, got.fault), (&expected.outputs, &expected.verbs, expected.fault));
        if expected.fault != 0 {
            assert_eq!(got.cycles, expected.cycles, "cycles up to fault {}", expected.fault);
        }
        *faults.entry(expected.fault).or_insert(0) += 1;
        outputs += got.outputs.len();
    }
    for fault in [Fault::Parity, Fault::Illegal, Fault::Flow, Fault::Stack, Fault::Bound] {
        assert!(faults.get(&(fault as u32)).is_some_and(|&n| n > 5), "{fault:?} too seldom: {faults:?}");
    }
    assert!(outputs > 1000, "{outputs}");
}

#[test]
fn the_program_begins_alike_on_both_engines() {
    let mut model = Model::new(&block("systole_rram_engine").build().unwrap()).unwrap();
    let (rom, outside) = (rom(&program().unwrap()), Outside(0));
    let expected = in_rust(&rom, outside, 300);
    let got = in_verilog(&mut model, &rom, outside, (expected.cycles, expected.fault != 0));
    assert!(!expected.verbs.is_empty());
    assert_eq!((got.verbs, got.fault), (expected.verbs, expected.fault));
}

/// The check on programs that never come to an end, with a bound of 64 instructions in place of a million.
#[test]
fn instructions_without_end_are_a_fault() {
    let mut model = Model::new(&block("systole_rram_engine").parameter("WATCH", 6).build().unwrap()).unwrap();
    let got = in_verilog(&mut model, &random_rom(&mut generator(5)), Outside(1), (400, true));
    assert_eq!((got.fault, got.verbs.len()), (Fault::Endless as u32, 0));
    assert!((2 * 64..2 * 64 + 8).contains(&got.cycles), "{} cycles", got.cycles);
}
