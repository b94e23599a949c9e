// SPDX-License-Identifier: Apache-2.0
//! The checker against programs of the vector unit: by hand, to the cycle; and compiled decoders with something broken.
//!
//! Here is how programs are made by hand; the rooms have the rules by what they are about.

mod decoders;
mod memories;
mod numbers;
mod steps;

use std::collections::BTreeSet;
use systole_compiler::verify::{Rule, Sizes, VerifyError, verify};
use systole_isa::program::{
    Add, Function, Load, MaxOf, Mul1, Mul2, Mul3, OneHot, Post, Register, Scalar, ScalarOp, Source, SumOf, Vector, VectorDest,
    Wait,
};
use systole_isa::{Config, F24, Instruction, Latency, Loop, Matmul, Nest, Program, Row};

fn base() -> Config {
    Config::named("base").unwrap()
}

fn narrow() -> Config {
    Config::named("base,VEC_LANES=8").unwrap()
}

fn loops(list: &[(u32, u8, [i32; 5])]) -> Nest {
    Nest { loops: list.iter().map(|&(count, gap, d)| Loop { count, gap, d, len: false }).collect() }
}

fn one() -> Nest {
    loops(&[(1, 0, [0; 5])])
}

/// A program by hand: instructions by the cycle of their first step.
struct Hand {
    config: Config,
    sizes: Sizes,
    steps: Vec<(u64, Instruction)>,
    end: u64,
}

impl Hand {
    fn new(config: Config) -> Hand {
        let sizes = Sizes {
            out_bytes: 0,
            rram_words: 8,
            param_words: 1,
            luts: 0,
            tap_words: 0,
            vector_params: vec![0xffff, 0x00ff, 0xff00, 0],
            functions: true,
            positions: 1,
            chunk: 1,
        };
        Hand { config, sizes, steps: vec![], end: 1000 }
    }

    /// With words 0 to 7 of V and X, and registers 0 to 7 of S, written long before cycle 300.
    fn filled(config: Config) -> Hand {
        let gap = (config.vec_beats() - 1) as u8;
        let mut h = Hand::new(config);
        h.at(20, Load { mask: u32::MAX, nest: loops(&[(8, 0, [1, 16, 0, 0, 0])]), ..Load::default() });
        h.at(60, product(8, gap));
        h.at(50, Vector { nest: loops(&[(8, 0, [1, 0, 0, 0, 0])]), ..to_v(0, drain()) });
        h.at(200, Vector { max: MaxOf::Max, nest: loops(&[(8, gap, [0, 0, 1, 0, 1])]), ..pass(0) });
        h
    }

    fn at(&mut self, first: u64, i: impl Into<Any>) {
        self.steps.push((first, i.into().0));
    }

    fn program(&self) -> Program {
        let issue = u64::from(Latency::of(&self.config).issue);
        let rows =
            self.steps.iter().map(|(first, i)| Row { cycle: first - issue - u64::from(i.words()), instruction: i.clone() });
        let mut rows: Vec<Row> = rows.collect();
        rows.sort_by_key(|r| r.cycle);
        rows.push(Row { cycle: self.end, instruction: Instruction::End });
        Program { rows }
    }

    /// What is broken, but for numbers in S that nothing reads: these programs are not after any.
    fn check(&self) -> Result<(), VerifyError> {
        let Err(mut e) = verify(&self.program(), &self.config, &self.sizes) else { return Ok(()) };
        e.violations.retain(|v| v.rule != Rule::SUnread);
        if e.violations.is_empty() { Ok(()) } else { Err(e) }
    }

    #[track_caller]
    fn passes(&self) {
        if let Err(e) = self.check() {
            panic!("{e}");
        }
    }

    /// Exactly these rules are broken.
    #[track_caller]
    fn breaks(&self, rules: &[Rule]) {
        let e = self.check().expect_err("a broken program passes");
        let broken: BTreeSet<Rule> = e.violations.iter().map(|v| v.rule).collect();
        assert_eq!(broken, rules.iter().copied().collect(), "{e}");
    }
}

/// Any instruction, so that tests need not name its kind twice.
struct Any(Instruction);

macro_rules! any {
    ($($kind:ident),+) => { $(impl From<$kind> for Any {
        fn from(i: $kind) -> Any {
            Any(Instruction::$kind(i))
        }
    })+ };
}
any!(Vector, Scalar, Matmul, Post, Load);

/// `n` vectors of X words 0 .. n - 1, each a sum.
fn product(n: u32, gap: u8) -> Matmul {
    Matmul { hold: 1, first: true, last: true, nest: loops(&[(n, gap, [1, 0, 0, 0, 0])]), ..Matmul::default() }
}

fn drain() -> Vector {
    Vector { lo: -127, hi: 127, lane_n: 32, nest: one(), ..Vector::default() }
}

fn pass(word: u32) -> Vector {
    Vector { src: Source::V, a_base: word, ..drain() }
}

fn to_v(word: u32, v: Vector) -> Vector {
    Vector { dest: VectorDest::V, dst_base: word, ..v }
}

fn scalar(op: ScalarOp, a: u32, dst: u32) -> Scalar {
    Scalar { op, a_base: a, dst_base: dst, imm: Some(F24::ONE), nest: one(), ..Scalar::default() }
}
