// SPDX-License-Identifier: Apache-2.0
//! The checker against broken programs: one targeted fault for each rule, and random changes of
//! time, which must be refused or change nothing.

use crate::common::{LayerKind, Random, cases, network, separable};
use proptest::prelude::*;
use systole_compiler::verify::{Rule, Sizes, VerifyError, verify};
use systole_compiler::{Compiled, Options, compile};
use systole_golden::Machine;
use systole_golden::graph::run_graph;
use systole_isa::program::{Lane, Load, Matmul, Post, PostDest, Scrub, Store};
use systole_isa::{Config, Instruction, Latency, Loop, Nest, Program, Row, Unit};
use systole_model::graph::Graph;

fn good(config: &Config, m: usize, widths: &[usize], raw: bool) -> Compiled {
    let kinds: Vec<LayerKind> = widths[1..].iter().map(|&n| LayerKind { n, lut: false, residual: None }).collect();
    compile(&network(1, m, widths[0], &kinds, raw).graph().unwrap(), config, &Options::default()).unwrap()
}

fn base(beats: u32) -> Config {
    Config::named("base").unwrap().with_weight_beats(beats).unwrap()
}

/// The program after `change`, checked.
fn check(c: &Compiled, config: &Config, change: impl FnOnce(&mut Program)) -> Result<(), VerifyError> {
    let mut program = c.program.clone();
    change(&mut program);
    verify(&program, config, &Sizes::of(&c.image, config))
}

#[track_caller]
fn breaks(rule: Rule, c: &Compiled, config: &Config, change: impl FnOnce(&mut Program)) {
    let e = check(c, config, change).expect_err("a broken program passes");
    assert!(e.breaks(rule), "{rule:?} is not among {e}");
    assert!(e.to_string().contains(rule.text()) || e.total > 20, "{e}");
}

/// The n-th row of a unit.
fn nth(p: &mut Program, unit: Unit, n: usize) -> &mut Row {
    p.rows.iter_mut().filter(|r| r.instruction.unit() == unit).nth(n).unwrap()
}

fn matmul(p: &mut Program, n: usize) -> &mut Matmul {
    let Instruction::Matmul(i) = &mut nth(p, Unit::Matmul, n).instruction else { unreachable!() };
    i
}

fn post(p: &mut Program, n: usize) -> &mut Post {
    let Instruction::Post(i) = &mut nth(p, Unit::Post, n).instruction else { unreachable!() };
    i
}

fn load(p: &mut Program, n: usize) -> &mut Load {
    let Instruction::Load(i) = &mut nth(p, Unit::Load, n).instruction else { unreachable!() };
    i
}

fn lane(p: &mut Program, n: usize) -> &mut Lane {
    let Instruction::Lane(i) = &mut nth(p, Unit::Lane, n).instruction else { unreachable!() };
    i
}

#[test]
fn lines_reads_and_results_of_the_lane_engine_are_checked() {
    let config = base(1);
    let c = compile(&separable(6, 7, 40, 24), &config, &Options::default()).unwrap();
    assert!(check(&c, &config, |_| ()).is_ok());
    breaks(Rule::LaneLine, &c, &config, |p| lane(p, 0).row = 0); // every step starts a line
    breaks(Rule::LaneLine, &c, &Config { line_depth: 4, ..base(1) }, |_| ());
    breaks(Rule::AddressRange, &c, &config, |p| lane(p, 0).tap_base = 100);
    breaks(Rule::AddressRange, &c, &config, |p| lane(p, 0).x_base = 60_000);
    breaks(Rule::PostWindow, &c, &config, |p| lane(p, 0).skip = 2);
    breaks(Rule::PostNotArmed, &c, &config, |p| lane(p, 0).skip_lines = 0);
    // The array's sums come while the engine's still do.
    breaks(Rule::TakeOrder, &c, &config, |p| {
        let first = p.rows.iter().position(|r| r.instruction.unit() == Unit::Lane).unwrap();
        let row = p.rows.remove(first);
        let cycle = p.rows.iter().find(|r| r.instruction.unit() == Unit::Matmul).unwrap().cycle + 12;
        let at = p.rows.partition_point(|r| r.cycle < cycle);
        p.rows.insert(at, Row { cycle, ..row });
    });
    // The engine reads where the array does.
    breaks(Rule::XReadPort, &c, &config, |p| {
        let engine = lane(p, 0).x_base;
        matmul(p, 0).x_base = engine;
    });
    let without = Config { lane_taps: 0, ..base(1) };
    breaks(Rule::Encoding, &c, &without, |_| ());
}

/// Every row of a program with a lane engine, earlier and later: refused, or the same results in the same cycles.
#[test]
fn a_change_of_time_beside_the_lane_engine_is_refused_or_changes_nothing() {
    let config = base(1);
    let graph = separable(5, 6, 32, 32);
    let c = compile(&graph, &config, &Options::default()).unwrap();
    let input = Random(3).codes(graph.maps[0].len());
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = c.image.input.pack(&values, c.image.in_bytes as usize);
    let expected = run_graph(&graph, &input).values;
    let (mut refused, mut same) = (0, 0);
    for row in 0..c.program.rows.len() - 1 {
        for shift in -40i64..=40 {
            let mut program = c.program.clone();
            let mut moved = program.rows.remove(row);
            let Some(cycle) = moved.cycle.checked_add_signed(shift) else { continue };
            moved.cycle = cycle;
            let at = program.rows.partition_point(|r| r.cycle <= cycle);
            program.rows.insert(at.min(program.rows.len() - 1), moved);
            if verify(&program, &config, &Sizes::of(&c.image, &config)).is_err() {
                refused += 1;
                continue;
            }
            same += 1;
            let mut image = c.image.clone();
            (image.timetable, image.descriptors) = program.encode().unwrap();
            let mut machine = Machine::new(config.clone());
            machine.load_image(&image).unwrap();
            let got = machine.run(&frame).unwrap_or_else(|e| panic!("row {row} moved by {shift}: {e}"));
            assert_eq!(image.output.unpack(&got.frame).unwrap(), expected, "row {row} moved by {shift}");
        }
    }
    assert!(refused > 100 && same > 20, "{refused} refused, {same} the same");
}

#[test]
fn rows_out_of_order_too_close_or_not_encodable_are_refused() {
    let (config, c) = (base(1), good(&base(1), 2, &[40, 40], false));
    breaks(Rule::RowOrder, &c, &config, |p| p.rows.swap(0, 1));
    breaks(Rule::RowOrder, &c, &config, |p| {
        p.rows.pop();
    });
    breaks(Rule::RowSpacing, &c, &config, |p| p.rows[1].cycle = p.rows[0].cycle + 1);
    breaks(Rule::Encoding, &c, &config, |p| matmul(p, 0).nest.loops[0].count = 20_000);
    breaks(Rule::Encoding, &c, &config, |p| matmul(p, 0).nest.loops.clear());
    breaks(Rule::Encoding, &c, &config, |p| matmul(p, 0).nest.loops[0].count = 0);
    breaks(Rule::Encoding, &c, &config, |p| p.rows.last_mut().unwrap().cycle = 1 << 40);
    let endless = Loop { count: 1 << 14, gap: 255, d: [0; 5], len: false };
    breaks(Rule::Encoding, &c, &config, |p| matmul(p, 0).nest.loops = vec![endless; 7]);
    assert!(verify(&Program::default(), &config, &Sizes::of(&c.image, &config)).is_err());
}

#[test]
fn a_unit_that_is_still_busy_is_found() {
    let config = base(1);
    let c = good(&config, 1, &[640, 128, 128], false);
    breaks(Rule::UnitBusy, &c, &config, |p| nth(p, Unit::Matmul, 1).cycle -= 3);
}

#[test]
fn addresses_outside_their_memory_are_found() {
    let (config, c) = (base(1), good(&base(1), 2, &[40, 40, 40], false));
    breaks(Rule::AddressRange, &c, &config, |p| matmul(p, 0).x_base = 8190);
    breaks(Rule::AddressRange, &c, &config, |p| matmul(p, 0).w_base += 18);
    breaks(Rule::AddressRange, &c, &config, |p| matmul(p, 0).acc_base = 511);
    breaks(Rule::AddressRange, &c, &config, |p| post(p, 0).dst_base = 8191);
    breaks(Rule::AddressRange, &c, &config, |p| post(p, 1).dst_base = 4095);
    breaks(Rule::AddressRange, &c, &config, |p| post(p, 0).param_base = 6);
    breaks(Rule::AddressRange, &c, &config, |p| post(p, 0).lut = Some(0));
    breaks(Rule::AddressRange, &c, &config, |p| load(p, 0).dst_base = 8191);
    breaks(Rule::AddressRange, &c, &config, |p| load(p, 0).src_base = 65_535);
}

#[test]
fn weight_loads_that_are_too_close_or_ask_a_busy_way_are_found() {
    let (config, c) = (base(1), good(&base(1), 1, &[64, 16], false));
    breaks(Rule::RramWay, &c, &config, |p| matmul(p, 0).nest.loops[0].d[1] = 0);
    let two = base(2);
    let c2 = good(&two, 1, &[64, 16], false);
    breaks(Rule::WeightDistance, &c2, &two, |p| matmul(p, 0).nest.loops[0].gap = 0);
    let c3 = good(&config, 5, &[64, 16], false);
    breaks(Rule::HoldJump, &c3, &config, |p| matmul(p, 0).nest.loops[0].d[1] = 1);
    assert!(check(&c, &config, |_| ()).is_ok());
}

#[test]
fn a_zero_point_of_weights_needs_a_machine_that_subtracts_it() {
    let (with, without) = (base(1), Config::named("base,WEIGHT_ZERO=0").unwrap());
    let c = good(&with, 5, &[40, 20], false);
    for zero in [-128, -1, 1, 127] {
        check(&c, &with, |p| matmul(p, 0).w_zero = zero).unwrap();
        breaks(Rule::WeightZero, &c, &without, |p| matmul(p, 0).w_zero = zero);
        // So do weights made in the run.
        breaks(Rule::WeightZero, &c, &without, |p| (matmul(p, 0).w_zero, matmul(p, 0).w_sram) = (zero, true));
    }
    check(&c, &without, |_| ()).unwrap();
}

#[test]
fn sums_that_do_not_start_or_end_are_found() {
    let (config, c) = (base(1), good(&base(1), 2, &[40, 40], false));
    breaks(Rule::Accumulator, &c, &config, |p| matmul(p, 0).first = false);
    breaks(Rule::Accumulator, &c, &config, |p| matmul(p, 1).last = false);
    breaks(Rule::Accumulator, &c, &config, |p| matmul(p, 0).nest.loops[0].d[2] = 0);
}

#[test]
fn vectors_without_post_and_posts_without_vectors_are_found() {
    let (config, c) = (base(1), good(&base(1), 1, &[40, 40, 40], false));
    breaks(Rule::PostNotArmed, &c, &config, |p| p.rows.retain(|r| r.instruction.unit() != Unit::Post));
    breaks(Rule::PostNotArmed, &c, &config, |p| post(p, 0).nest.loops[0].count -= 1);
    breaks(Rule::PostWindow, &c, &config, |p| post(p, 1).nest.loops[0].count += 1);
    // The second POST as early as its row fits: before the first has its last vector.
    let config = base(1);
    let c = good(&config, 1, &[640, 128, 128], false);
    breaks(Rule::PostWindow, &c, &config, |p| {
        let at = p.rows.iter().rposition(|r| r.instruction.unit() == Unit::Post).unwrap();
        let mut row = p.rows.remove(at);
        let before = p.rows.iter().position(|r| r.cycle > 60).unwrap();
        row.cycle = p.rows[before - 1].cycle + 10;
        p.rows.insert(before, row);
    });
}

#[test]
fn results_in_one_cycle_are_found() {
    let (config, c) = (base(1), good(&base(1), 8, &[40, 40], true));
    assert!(check(&c, &config, |_| ()).is_ok());
    breaks(Rule::ResultCollision, &c, &config, |p| {
        let last = p.rows.iter().filter(|r| r.instruction.unit() == Unit::Matmul).count() - 1;
        for l in &mut matmul(p, last).nest.loops {
            l.gap = 0;
        }
    });
}

#[test]
fn ports_of_x_that_are_used_twice_are_found() {
    let config = base(1);
    let kinds = [LayerKind { n: 64, lut: false, residual: Some(0) }; 3];
    let c = compile(&network(5, 8, 64, &kinds, false).graph().unwrap(), &config, &Options::default()).unwrap();
    breaks(Rule::XReadPort, &c, &config, |p| {
        let x = matmul(p, 0).x_base;
        let post = p.rows.iter_mut().find_map(|r| match &mut r.instruction {
            Instruction::Post(i) if i.residual.is_some() => i.residual.as_mut(),
            _ => None,
        });
        post.unwrap().base = x;
    });
    // LOAD slowed down until POST writes; and POST into LOAD's sub-bank.
    let c = good(&config, 64, &[64, 16, 16], false);
    assert!(check(&c, &config, |_| ()).is_ok());
    breaks(Rule::XWritePort, &c, &config, |p| {
        load(p, 0).nest.loops[0].gap = 3;
        post(p, 0).dst_base = load(p, 0).dst_base + 1000;
    });
}

#[test]
fn words_read_before_they_are_written_are_found() {
    let (config, c) = (base(1), good(&base(1), 1, &[40, 40], false));
    breaks(Rule::ReadUnwritten, &c, &config, |p| load(p, 0).nest.loops[0].gap = 3);
    breaks(Rule::ReadUnwritten, &c, &config, |p| load(p, 0).mask = 0x7fff);
    breaks(Rule::ReadUnwritten, &c, &config, |p| matmul(p, 0).x_base += 3);
    // The last row may come as late as the vector reaches it.
    let mut program = c.program.clone();
    let cycle = nth(&mut program, Unit::Matmul, 0).cycle;
    assert!(cycle >= 2);
}

/// Two layers of one tile whose activation overwrites the input in place.
fn in_place(config: &Config, earlier: u64) -> Result<(), VerifyError> {
    let c = good(config, 1, &[16, 16, 16], false);
    check(&c, config, |p| {
        post(p, 0).dst_base = 0;
        matmul(p, 1).x_base = 0;
        nth(p, Unit::Matmul, 1).cycle -= earlier;
        // Armed behind the first vector (POST takes it in 31) and before the second.
        nth(p, Unit::Post, 1).cycle = 28;
        p.rows.sort_by_key(|r| r.cycle);
    })
}

#[test]
fn a_word_is_not_read_before_or_while_the_result_arrives() {
    let config = base(1);
    in_place(&config, 0).unwrap();
    for earlier in 1..=16 {
        let e = in_place(&config, earlier).unwrap_err();
        assert!(e.breaks(Rule::ReadTorn), "{earlier}: {e}");
    }
    for earlier in [17, 20] {
        let e = in_place(&config, earlier).unwrap_err();
        assert!(e.breaks(Rule::ReadStale) && !e.breaks(Rule::ReadTorn), "{earlier}: {e}");
    }
}

fn store(dst: u32, src: u32) -> Store {
    Store { dst_base: dst, src_base: src, nest: one() }
}

fn one() -> Nest {
    Nest { loops: vec![Loop { count: 1, gap: 0, d: [0; 5], len: false }] }
}

#[test]
fn out_words_are_written_once_in_a_cycle_and_all_in_the_frame() {
    let (config, c) = (base(1), good(&base(1), 1, &[40, 40], false));
    breaks(Rule::OutFrame, &c, &config, |p| post(p, 0).dst_base = 1);
    breaks(Rule::OutFrame, &c, &config, |p| post(p, 0).dst_base = 100);
    // A STORE whose write meets each of POST's in turn, and one that meets none.
    let mut met = 0;
    let end = c.program.cycles();
    for cycle in 12..end {
        let result = check(&c, &config, |p| {
            let row = Row { cycle, instruction: Instruction::Store(store(0, 0)) };
            let at = p.rows.iter().position(|r| r.cycle > cycle).unwrap();
            p.rows.insert(at, row);
        });
        met += u32::from(result.is_err_and(|e| e.breaks(Rule::OutPort)));
    }
    assert_eq!(met, 3);
    breaks(Rule::XReadPort, &c, &config, |p| {
        let cycle = p.rows[p.rows.len() - 2].cycle + 4;
        p.rows.insert(p.rows.len() - 1, Row { cycle, instruction: Instruction::Store(store(0, 0)) });
    });
}

#[test]
fn an_end_before_the_last_write_is_found() {
    let (config, c) = (base(1), good(&base(1), 1, &[40, 40], false));
    breaks(Rule::EndEarly, &c, &config, |p| p.rows.last_mut().unwrap().cycle -= 1);
    assert!(check(&c, &config, |p| p.rows.last_mut().unwrap().cycle += 1).is_ok());
}

/// A word loaded, made a W SRAM row by a first vector and used as weights by a second, `distance`
/// cycles later.
fn run_time_weights(distance: u64) -> Result<(), VerifyError> {
    let config = base(1);
    let c = good(&config, 1, &[16, 16], false);
    check(&c, &config, |p| {
        post(p, 0).dest = PostDest::WRow;
        post(p, 0).dst_base = 3;
        let end = p.rows.pop().unwrap();
        let first = nth(p, Unit::Matmul, 0).clone();
        let Instruction::Matmul(again) = &first.instruction else { unreachable!() };
        let again = Matmul { w_sram: true, w_base: 0, ..again.clone() };
        let row = |cycle, instruction| Row { cycle, instruction };
        p.rows.push(row(first.cycle + distance, Instruction::Matmul(again)));
        let out = Post { dest: PostDest::Out, dst_base: 0, ..post(p, 0).clone() };
        p.rows.push(row(first.cycle + distance + 4, Instruction::Post(out)));
        p.rows.push(Row { cycle: end.cycle + 60, ..end });
    })
}

#[test]
fn run_time_weights_are_not_read_before_they_are_written() {
    // The write is in T + POST_WRITE, row 3 reads in T' + 3 and sees it in the cycle behind.
    let sees = u64::from(Latency::of(&base(1)).post_write) - 3 + 1;
    run_time_weights(sees).unwrap();
    let e = run_time_weights(sees - 1).unwrap_err();
    assert!(e.breaks(Rule::WSram), "{e}");
}

/// What the model gives for a program on the image's data: output frame, or that it refuses.
fn outcome(c: &Compiled, program: &Program, config: &Config) -> Option<Vec<u8>> {
    let mut image = c.image.clone();
    (image.timetable, image.descriptors) = program.encode().ok()?;
    let mut machine = Machine::new(config.clone());
    machine.load_image(&image).ok()?;
    let input: Vec<u8> = Random(9).codes(image.in_bytes as usize).iter().map(|&v| v as u8).collect();
    Some(machine.run(&input).ok()?.frame)
}

fn long() -> u32 {
    std::env::var("SYSTOLE_LONG").map_or(1, |_| 20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200 * long(), ..ProptestConfig::default() })]
    #[test]
    fn a_change_of_time_is_refused_or_changes_nothing(case in cases(), luck in any::<u64>()) {
        let (network, config) = (case.network(), case.config());
        let Ok(c) = compile(&network.graph().unwrap(), &config, &Options::default()) else { return Ok(()) };
        let want = outcome(&c, &c.program, &config).unwrap();
        let mut r = Random(luck);
        for _ in 0..12 {
            let mut program = c.program.clone();
            let at = r.below(program.rows.len() as u64) as usize;
            let row = &mut program.rows[at];
            let shift = r.below(20) as i64 - 10;
            if r.below(2) == 0 {
                row.cycle = row.cycle.saturating_add_signed(shift);
            } else if let Instruction::Matmul(Matmul { nest, .. })
                | Instruction::Load(Load { nest, .. }) = &mut row.instruction
            {
                let l = r.below(nest.loops.len() as u64) as usize;
                nest.loops[l].gap = r.below(6) as u8;
            }
            if r.below(3) == 0 {
                // All that follows moves along.
                for row in &mut program.rows[at + 1..] {
                    row.cycle = row.cycle.saturating_add_signed(shift);
                }
            }
            if verify(&program, &config, &Sizes::of(&c.image, &config)).is_ok() {
                let got = outcome(&c, &program, &config);
                prop_assert_eq!(got.as_ref(), Some(&want), "row {} of {:?}", at, program);
            }
        }
    }

    #[test]
    fn a_changed_field_never_makes_the_checker_panic(case in cases(), luck in any::<u64>()) {
        let (network, config) = (case.network(), case.config());
        let Ok(c) = compile(&network.graph().unwrap(), &config, &Options::default()) else { return Ok(()) };
        let mut r = Random(luck);
        for _ in 0..12 {
            let (mut rows, mut words) = (c.image.timetable.clone(), c.image.descriptors.clone());
            let bit = r.below(128);
            if r.below(4) == 0 {
                let at = r.below(rows.len() as u64) as usize;
                rows[at] ^= 1 << (bit % 64);
            } else {
                let at = r.below(words.len() as u64) as usize;
                words[at] ^= 1 << bit;
            }
            if let Ok(program) = Program::decode(&rows, &words) {
                let _ = verify(&program, &config, &Sizes::of(&c.image, &config));
            }
        }
    }
}

fn with_scrubs(graph: &Graph, config: &Config, scrub_lines: u32) -> Compiled {
    compile(graph, config, &Options { scrub_lines, ..Options::default() }).unwrap()
}

fn scrub(p: &mut Program, n: usize) -> &mut Row {
    nth(p, Unit::Scrub, n)
}

#[test]
fn scrubs_beside_weight_loads_too_close_or_beyond_the_end_are_refused() {
    for beats in [1, 2, 4] {
        let config = base(beats);
        let kinds = [40, 40].map(|n| LayerKind { n, lut: false, residual: None });
        let graph = network(1, 60, 40, &kinds, false).graph().unwrap();
        let c = with_scrubs(&graph, &config, 1000);
        assert!(c.scrub_lines >= 4, "{}", c.scrub_lines);
        // In 60 cycles between two loads of weights there is some shift that meets them, and one that does not.
        let results: Vec<Result<(), VerifyError>> = (0..60u64)
            .map(|shift| {
                check(&c, &config, |p| {
                    p.rows.retain(|r| r.instruction.unit() != Unit::Scrub);
                    let cycle = c.cycles / 3 + shift;
                    let at = p.rows.partition_point(|r| r.cycle < cycle);
                    p.rows.insert(at, Row { cycle, instruction: Instruction::Scrub(Scrub { lines: 1 }) });
                })
            })
            .collect();
        assert!(results.iter().any(|r| r.is_ok()));
        let near = results.iter().filter(|r| r.as_ref().is_err_and(|e| e.breaks(Rule::ScrubRead))).count();
        assert!(near >= 2 * (2 * beats as usize + 1), "D = {beats}: {near}");
        breaks(Rule::Encoding, &c, &config, |p| scrub(p, 0).instruction = Instruction::Scrub(Scrub { lines: 0 }));
        breaks(Rule::UnitBusy, &c, &config, |p| {
            let mut second = scrub(p, 0).clone();
            second.cycle += 4;
            let at = p.rows.partition_point(|r| r.cycle < second.cycle);
            p.rows.insert(at, second);
        });
        breaks(Rule::EndEarly, &c, &config, |p| {
            let mut late = scrub(p, 0).clone();
            late.cycle = c.cycles - 4;
            p.rows.insert(p.rows.len() - 1, late);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 500, ..ProptestConfig::default() })]

    /// Whatever is asked for, SCRUB rows change nothing else: the same rows in the same cycles, and the checker agrees.
    #[test]
    fn scrubs_find_room_without_moving_anything(case in cases(), lines in 1u32..2000) {
        let graph = case.network().graph().unwrap();
        let Ok(plain) = compile(&graph, &case.config(), &Options::default()) else { return Ok(()) };
        if !case.config().rram_ctrl {
            let refused = compile(&graph, &case.config(), &Options { scrub_lines: lines, ..Options::default() });
            prop_assert!(refused.unwrap_err().to_string().contains("RRAM_CTRL = 0"));
            return Ok(());
        }
        let mut with = with_scrubs(&graph, &case.config(), lines);
        let asked: u32 = with.program.rows.iter().map(|r| if let Instruction::Scrub(s) = &r.instruction { s.lines } else { 0 }).sum();
        prop_assert!(asked == with.scrub_lines && asked <= lines);
        with.program.rows.retain(|r| r.instruction.unit() != Unit::Scrub);
        prop_assert_eq!(with.program, plain.program);
        prop_assert_eq!(with.image.weights, plain.image.weights);
    }
}
