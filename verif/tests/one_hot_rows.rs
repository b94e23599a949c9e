// SPDX-License-Identifier: Apache-2.0
//! Rows of tables in RRAM by registers of the host, into int8 codes and sums of several rows (docs/recommenders.md), as programs
//! written by hand: accepted by the compiler's checker, and the same on RTL and the instruction-level model as sums made here.

use rand::RngExt;
use systole_backends::{Backend, on_machine};
use systole_chip::Options;
use systole_compiler::verify::{Sizes, verify};
use systole_golden::Machine;
use systole_isa::image::{Dtype, Tensor};
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{OneHot, Post, PostDest, Program, Register, Row};
use systole_isa::requant::Param;
use systole_isa::{Config, Image, Instruction, Latency, Matmul, Table, fingerprint};
use systole_workloads::random;

/// Scale 1: a code stays what it is, a sum saturates.
const ONE: Param = Param { bias: 0, q: 1 << 23, shift: 23 };

fn nest(count: u32, gap: u8, d: [i32; 3]) -> Nest {
    Nest::from_strides(&[Stride { count, gap, stride: [d[0], d[1], d[2], 0, 0] }])
}

/// Tables of rows of `n` C codes, row by row.
struct Tables {
    n: u32,
    rows: Vec<Vec<Vec<i8>>>,
    tables: Vec<Table>,
    weights: Vec<i8>,
}

fn tables(config: &Config, sizes: &[u32], n: u32, seed: u64) -> Tables {
    let (r, c) = (config.rows, config.cols);
    let mut rng = random::generator(seed);
    let mut made = Tables { n, rows: vec![], tables: vec![], weights: vec![] };
    for (number, &rows) in sizes.iter().enumerate() {
        let blocks = rows.div_ceil(r);
        let stride = if blocks % 2 == 0 { blocks + 1 } else { blocks };
        let base = made.weights.len() as u32 / (r * c);
        made.weights.resize(((base + n * stride) * r * c) as usize, 0);
        made.rows.push((0..rows).map(|_| random::codes(&mut rng, (n * c) as usize)).collect());
        made.tables.push(Table { name: format!("t{number}"), rows, width: n * c, base, stride });
    }
    made
}

/// Each bag is a table and the registers whose rows are summed; a bag's codes are n words of OUT, one bag behind the other.
fn program(config: &Config, tables: &Tables, bags: &[(usize, Vec<u8>)], gap: u8) -> Program {
    let (l, n) = (Latency::of(config), tables.n);
    let (mut rows, mut clock) = (vec![], 10u64);
    for (number, (table, registers)) in bags.iter().enumerate() {
        let table = &tables.tables[*table];
        for (k, &register) in registers.iter().enumerate() {
            let last = k + 1 == registers.len();
            let matmul = Matmul {
                w_base: table.base,
                one_hot: Some(OneHot { register: Register::Tok, row: register, value: 1 }),
                first: k == 0,
                last,
                nest: nest(n, gap, [0, table.stride as i32, 1]),
                ..Matmul::default()
            };
            rows.push(Row { cycle: clock, instruction: Instruction::Matmul(matmul) });
            if last {
                let dst_base = number as u32 * n;
                let (lo, hi) = (-128, 127);
                let post = Post { dst_base, dest: PostDest::Out, lo, hi, nest: nest(n, 0, [1, 0, 0]), ..Post::default() };
                rows.push(Row { cycle: clock + 3, instruction: Instruction::Post(post) });
            }
            clock += 8 + u64::from(n) * (1 + u64::from(gap));
        }
        clock += u64::from(l.w_lead + l.l);
    }
    rows.push(Row { cycle: clock + 40, instruction: Instruction::End });
    Program { rows }
}

fn image(config: &Config, tables: &Tables, program: &Program, out_words: u32) -> Image {
    let (timetable, descriptors) = program.encode().unwrap();
    let mut image = Image {
        fingerprint: fingerprint(),
        config_id: config.image_id(),
        weight_beats: config.weight_beats,
        in_bytes: 0,
        out_bytes: out_words * config.cols,
        timetable,
        descriptors,
        params: vec![ONE; config.cols as usize],
        luts: vec![],
        weights: tables.weights.clone(),
        taps: vec![],
        vector: vec![],
        input: Tensor::dense(0, 0, Dtype::Int8),
        output: Tensor::dense(1, out_words * config.cols, Dtype::Int8),
        macs: 1,
        name: "rows by registers".into(),
        tables: tables.tables.clone(),
        before: None,
    };
    for (table, rows) in tables.tables.iter().zip(&tables.rows) {
        let rows: Vec<(u32, &[i8])> = rows.iter().enumerate().map(|(n, r)| (n as u32, r.as_slice())).collect();
        image.set_rows(&table.name, &rows, config).unwrap();
    }
    image
}

#[test]
fn rows_by_registers_and_sums_of_up_to_eight_of_them_are_exact_on_rtl_and_model() {
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    let tables = tables(&config, &[23, 9, 64], 3, 7);
    // Lookups of one row, one register in two tables, sums of two, three and eight, the same row twice.
    let bags: Vec<(usize, Vec<u8>)> =
        vec![(0, vec![0]), (1, vec![1]), (2, vec![0]), (2, vec![2, 3]), (0, vec![0, 0, 4]), (2, vec![7, 6, 5, 4, 3, 2, 1, 0])];
    let words = bags.len() as u32 * tables.n;
    let program = program(&config, &tables, &bags, 1);
    let image = image(&config, &tables, &program, words);
    verify(&program, &config, &Sizes::of(&image, &config)).unwrap_or_else(|e| panic!("{e}"));
    let mut rng = random::generator(11);
    // Registers 0 and 1 pick in the table of 23 and 9 rows too.
    let limits = [23u32, 9, 64, 64, 23, 64, 64, 64];
    let mut runs: Vec<Vec<u32>> = (0..6).map(|_| limits.map(|n| rng.random_range(0..n)).to_vec()).collect();
    runs.push(limits.map(|n| n - 1).to_vec());
    runs.push(vec![0; 8]);
    let expected = |tokens: &[u32]| -> Vec<u8> {
        let code = |table: usize, registers: &[u8], i: usize| {
            let sum: i32 = registers.iter().map(|&r| i32::from(tables.rows[table][tokens[usize::from(r)] as usize][i])).sum();
            sum.clamp(-128, 127) as i8 as u8
        };
        let width = (tables.n * config.cols) as usize;
        bags.iter().flat_map(|(t, r)| (0..width).map(move |i| (*t, r, i))).map(|(t, r, i)| code(t, r, i)).collect()
    };
    let asked = runs;
    let expected: Vec<Vec<u8>> = asked.iter().map(|tokens| expected(tokens)).collect();
    let mut machine = Machine::new(config.clone());
    machine.load_image(&image).unwrap();
    for (tokens, expected) in asked.iter().zip(&expected) {
        machine.set_chunk(0, tokens, 0);
        let run = machine.run(&[]).unwrap();
        assert_eq!((&run.frame[..expected.len()], run.cycles), (&expected[..], program.cycles()), "{tokens:?}");
    }
    for backend in [Backend::Rtl, Backend::Model] {
        let (image, runs) = (image.clone(), asked.clone());
        let got = on_machine(backend, &config, &Options::default(), async move |driver| {
            driver.load(&image).await?;
            let mut all = vec![];
            for tokens in &runs {
                all.push(driver.run_chunk(0, 0, tokens).await?);
            }
            Ok(all)
        });
        for ((run, expected), tokens) in got.unwrap_or_else(|e| panic!("{e:#}")).iter().zip(&expected).zip(&asked) {
            assert_eq!(run.frame[..expected.len()], expected[..], "{backend:?} {tokens:?}");
            assert_eq!(run.cycles, program.cycles(), "{backend:?}");
        }
    }
}
