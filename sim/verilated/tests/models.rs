// SPDX-License-Identifier: Apache-2.0
//! The binding against real models: every port width, seeds, stops, DPI, waves, coverage, cache,
//! contexts.

use proptest::prelude::*;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use verilated::{Direction, Error, Initial, Model, Spec};

/// A Verilog file in a folder of its own, the same for every run, so that models come from the cache.
fn verilog(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}.v"));
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
        std::fs::write(&path, text).expect("the test folder can be written");
    }
    path
}

fn design(top: &str, text: &str) -> Spec {
    Spec::new(top).source(verilog(top, text))
}

const WIDTHS: [u32; 16] = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 500];

/// Inverts an input of each width.
fn inverter() -> Spec {
    let ports: Vec<String> = WIDTHS.iter().map(|w| format!("input [{}:0] a{w}, output [{}:0] y{w}", w - 1, w - 1)).collect();
    let body: String = WIDTHS.iter().map(|w| format!("  assign y{w} = ~a{w};\n")).collect();
    design("inverter", &format!("module inverter({});\n{body}endmodule\n", ports.join(", ")))
}

fn counter() -> Spec {
    design(
        "counter8",
        "module counter8(input clk, output reg [7:0] q);\n  initial q = 0;\n  always @(posedge clk) q <= q + 1;\nendmodule\n",
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ports_of_every_width_carry_every_bit(words in prop::collection::vec(any::<u32>(), 16)) {
        let mut model = Model::new(&inverter().build().expect("builds")).expect("opens");
        for width in WIDTHS {
            let (a, y) = (model.port(&format!("a{width}")).expect("a port"), model.port(&format!("y{width}")).expect("a port"));
            prop_assert_eq!(model.width(a), width);
            model.set_words(a, &words);
            model.eval();
            let (mut sent, mut got) = ([0u32; 16], [0u32; 16]);
            model.get_words(a, &mut sent);
            model.get_words(y, &mut got);
            for bit in 0..512usize {
                let (w, b) = (bit / 32, bit % 32);
                let inside = bit < width as usize;
                prop_assert_eq!(sent[w] >> b & 1 == 1, inside && words[w] >> b & 1 == 1, "input bit {} of {}", bit, width);
                prop_assert_eq!(got[w] >> b & 1 == 1, inside && words[w] >> b & 1 == 0, "output bit {} of {}", bit, width);
            }
            if width <= 64 {
                let value = u64::from(words[0]) | u64::from(words[1]) << 32;
                let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
                model.set(a, value);
                model.eval();
                prop_assert_eq!(model.get(a), value & mask);
                prop_assert_eq!(model.get(y), !value & mask);
                prop_assert!(model.bits(y).is_none());
            } else {
                let bits = model.bits(y).expect("wider than 64").to_bitvec();
                prop_assert_eq!(bits.iter().by_vals().take(width as usize).collect::<Vec<_>>(),
                    (0..width as usize).map(|i| words[i / 32] >> (i % 32) & 1 == 0).collect::<Vec<_>>());
                model.bits_mut(a).expect("wider than 64").set(64, true);
                model.eval();
                prop_assert!(!model.bits(y).expect("wider than 64")[64]);
            }
        }
    }
}

#[test]
fn ports_are_listed_with_direction_and_an_unknown_one_names_them() {
    let library = counter().build().expect("builds");
    let ports: Vec<(&str, Direction, u32)> = library.ports().iter().map(|p| (p.name.as_str(), p.direction, p.width)).collect();
    assert_eq!(ports, [("clk", Direction::Input, 1), ("q", Direction::Output, 8)]);
    let text = Model::new(&library).expect("opens").port("clock").expect_err("no such port").to_string();
    assert!(text.contains("'clock'") && text.contains("clk, q"), "{text}");
}

#[test]
fn a_design_is_built_once_and_again_when_its_text_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("constant.v");
    let mut values = vec![];
    for text in ["8'd17", "8'd17", "8'd99"] {
        std::fs::write(&path, format!("module constant(output [7:0] q);\n  assign q = {text};\nendmodule\n")).expect("written");
        let library = Spec::new("constant").source(&path).build().expect("builds");
        let mut model = Model::new(&library).expect("opens");
        model.eval();
        let q = model.port("q").expect("a port");
        values.push((model.get(q), std::sync::Arc::as_ptr(&library)));
    }
    assert_eq!(values.iter().map(|v| v.0).collect::<Vec<_>>(), [17, 17, 99]);
    assert_eq!(values[0].1, values[1].1, "the second build is the first one's");
    assert_ne!(values[0].1, values[2].1);
}

#[test]
fn parameters_and_defines_make_other_models() {
    let spec = design("sized", "module sized #(parameter W = 3) (output [W-1:0] q);\n  assign q = `VALUE;\nendmodule\n");
    for (width, value) in [(3, 5), (12, 1000)] {
        let library = spec.clone().parameter("W", width).define("VALUE", value).build().expect("builds");
        let mut model = Model::new(&library).expect("opens");
        model.eval();
        let q = model.port("q").expect("a port");
        assert_eq!((model.width(q), model.get(q)), (width, value));
    }
}

#[test]
fn what_verilator_refuses_is_told_with_file_and_line_and_not_cached() {
    for _ in 0..2 {
        let error = design("broken", "module broken(input a, output b);\n  assign b = a +;\nendmodule\n")
            .build()
            .expect_err("not Verilog");
        let text = error.to_string();
        assert!(matches!(error, Error::Verilog { .. }) && text.contains("broken.v:2"), "{text}");
    }
    let error = Spec::new("none").source("/nowhere/none.v").build().expect_err("no file").to_string();
    assert!(error.contains("/nowhere/none.v"), "{error}");
}

#[test]
fn models_are_independent_and_die_in_any_order() {
    let library = counter().build().expect("builds");
    let mut models: Vec<Model> = (0..4).map(|_| Model::new(&library).expect("opens")).collect();
    let (clk, q) = (models[0].port("clk").expect("a port"), models[0].port("q").expect("a port"));
    for (i, model) in models.iter_mut().enumerate() {
        model.run_cycles(clk, 10 * i as u64);
    }
    for (i, model) in models.iter().enumerate() {
        assert_eq!(model.get(q), 10 * i as u64);
        assert_eq!(model.time(), 20 * i as u64);
    }
    drop(models.remove(2));
    drop(models.remove(0));
    models[1].run_cycles(clk, 300);
    assert_eq!(models[1].get(q), (30 + 300) % 256);
    assert_eq!(models[0].get(q), 10);
    // A second design beside it, freed while the first one's context is current.
    let other = Model::new(&inverter().build().expect("builds")).expect("opens");
    models[0].eval();
    drop(other);
    models[0].run_cycles(clk, 1);
    assert_eq!(models[0].get(q), 11);
}

#[test]
fn seeds_repeat_and_zero_is_refused() {
    let library = dice().build().expect("builds");
    let rolled = |seed: u32| roll(&mut Model::with_seed(&library, seed).expect("opens"), 8);
    assert_eq!(rolled(5), rolled(5));
    assert_ne!(rolled(5), rolled(6));
    assert!(matches!(Model::with_seed(&library, 0), Err(Error::SeedZero)));
    assert!(matches!(Model::with_initial(&library, 0, Initial::Zeros), Err(Error::SeedZero)));
}

fn dice() -> Spec {
    design("dice", "module dice(input clk, output reg [31:0] q);\n  always @(posedge clk) q <= $random;\nendmodule\n")
}

fn roll(model: &mut Model, times: usize) -> Vec<u64> {
    let (clk, q) = (model.port("clk").expect("a port"), model.port("q").expect("a port"));
    (0..times)
        .map(|_| {
            model.run_cycles(clk, 1);
            model.get(q)
        })
        .collect()
}

/// Registers, memories and an X, none of them ever written.
fn blank() -> Spec {
    design(
        "blank",
        "module blank(input clk, input [7:0] a, output reg [31:0] q, output [99:0] w, output [15:0] m, output [31:0] x);\n  reg [31:0] r;\n  reg [99:0] wide;\n  reg [15:0] mem [0:3];\n  reg [99:0] board [0:2] /*verilator public_flat_rw*/;\n  reg [8:0] flag /*verilator public_flat_rw*/;\n  assign w = wide, m = mem[a[1:0]], x = a[7] ? 32'd0 : 32'bx;\n  always @(posedge clk) begin\n    q <= r;\n    if (a == 8'd9) begin r <= q; wide <= {w[98:0], 1'b1}; mem[0] <= q[15:0]; end\n  end\nendmodule\n",
    )
}

#[test]
fn public_signals_and_memories_are_listed_read_and_written() {
    let mut model = Model::with_initial(&blank().build().expect("builds"), 3, Initial::Random).expect("opens");
    let mut all = model.variables();
    all.retain(|v| v.name.ends_with(".board") || v.name.ends_with(".flag"));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(all.iter().map(|v| (v.width, v.depth)).collect::<Vec<_>>(), [(100, 3), (9, 1)]);
    let (board, flag) = (&all[0], &all[1]);
    for index in 0..3 {
        assert_eq!(model.peek(board, index)[3] >> 4, 0, "random within its width");
        model.poke(board, index, &[index, 1, 2, 3]);
    }
    model.poke(flag, 0, &[0x1a5]);
    model.eval();
    assert_eq!((0..3).map(|i| model.peek(board, i)).collect::<Vec<_>>(), [[0, 1, 2, 3], [1, 1, 2, 3], [2, 1, 2, 3]]);
    assert_eq!(model.peek(flag, 0), [0x1a5]);
}

/// What its outputs show after two cycles.
fn seen(model: &mut Model) -> Vec<u32> {
    let port = |name: &str| model.port(name).expect("a port");
    let (clk, a, outputs) = (port("clk"), port("a"), ["q", "w", "m", "x"].map(port));
    assert_eq!((model.get(clk), model.get(a)), (0, 0), "inputs begin low");
    assert_eq!(model.run_cycles(clk, 2), 2);
    let mut all = vec![];
    for output in outputs {
        let mut words = vec![0; model.width(output).div_ceil(32) as usize];
        model.get_words(output, &mut words);
        all.extend(words);
    }
    all
}

#[test]
fn registers_memories_and_x_begin_at_random_and_a_seed_repeats_them() {
    let library = blank().build().expect("builds");
    let with = |seed| seen(&mut Model::with_initial(&library, seed, Initial::Random).expect("opens"));
    let runs: Vec<Vec<u32>> = (1..=20).map(with).collect();
    for (i, run) in runs.iter().enumerate() {
        assert_eq!(*run, with(i as u32 + 1), "seed {}", i + 1);
        assert!(runs[..i].iter().all(|other| other != run), "seed {}", i + 1);
    }
    for word in [0, 1, 2, 3, 5, 6] {
        assert!((0..12).all(|bit| runs.iter().any(|r| r[word] >> bit & 1 == 0)), "word {word} has bits that are never 0");
        assert!((0..12).all(|bit| runs.iter().any(|r| r[word] >> bit & 1 == 1)), "word {word} has bits that are never 1");
    }
    assert_ne!(with(1), with(0x8000_0001), "all bits of a seed count");
    let fixed = |initial| seen(&mut Model::with_initial(&library, 5, initial).expect("opens"));
    assert_eq!(fixed(Initial::Zeros), [0; 7]);
    assert_eq!(fixed(Initial::Ones), [u32::MAX, u32::MAX, u32::MAX, u32::MAX, 15, 0xffff, u32::MAX]);
}

#[test]
fn the_environment_chooses_how_models_begin() {
    let library = blank().build().expect("builds");
    if std::env::var_os("TEST_CHILD").is_some() {
        let shown = Model::with_seed(&library, 5).map(|mut model| seen(&mut model));
        println!("begins {:?}", shown.map_err(|e| e.to_string()));
        return;
    }
    let child = |setting: &str| {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", std::thread::current().name().expect("the test's"), "--nocapture"]);
        let output = child.env("TEST_CHILD", "1").env("VERILATED_X", setting).output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|l| l.split_once("begins ")).map(|(_, shown)| shown.to_string()).expect("it shows the values")
    };
    let direct = |initial| format!("Ok({:?})", seen(&mut Model::with_initial(&library, 5, initial).expect("opens")));
    assert_eq!(child("zeros"), direct(Initial::Zeros));
    assert_eq!(child("ones"), direct(Initial::Ones));
    assert_eq!(child("random"), direct(Initial::Random));
    assert_eq!(child(""), direct(Initial::Random));
    assert_eq!(child("random:7"), child("random:7"));
    assert_ne!(child("random:7"), direct(Initial::Random));
    let refused = child("sometimes");
    assert!(refused.starts_with("Err") && refused.contains("VERILATED_X=sometimes") && refused.contains("random:N"), "{refused}");
}

#[test]
fn models_of_other_threads_change_nothing_that_a_seed_gives() {
    let (dice, blank) = (dice().build().expect("builds"), blank().build().expect("builds"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (rolls, begins) = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seed = 100;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    seed += 1;
                    roll(&mut Model::with_seed(&dice, seed).expect("opens"), 3);
                    seen(&mut Model::with_initial(&blank, seed, Initial::Random).expect("opens"));
                }
            });
        }
        let rolls: Vec<_> = (0..300).map(|_| roll(&mut Model::with_seed(&dice, 5).expect("opens"), 50)).collect();
        let begins: Vec<_> =
            (0..300).map(|_| seen(&mut Model::with_initial(&blank, 5, Initial::Random).expect("opens"))).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        (rolls, begins)
    });
    assert!(rolls.iter().all(|r| *r == rolls[0]) && begins.iter().all(|b| *b == begins[0]));

    let mut pair = [5, 6].map(|seed| Model::with_seed(&dice, seed).expect("opens"));
    let mut mixed = [vec![], vec![]];
    for _ in 0..50 {
        mixed[0].extend(roll(&mut pair[0], 1));
        mixed[1].extend(roll(&mut pair[1], 1));
    }
    assert_eq!(mixed[0], rolls[0], "two models that take turns");
    assert_ne!(mixed[0], mixed[1]);
}

#[test]
fn stop_finish_and_display_reach_rust_and_not_the_process() {
    let library = design(
        "ender",
        "module ender(input clk, input [1:0] how);\n  always @(posedge clk) case (how)\n    2'd1: begin $display(\"bye %d\", how); $finish; end\n    2'd2: $stop;\n    default: ;\n  endcase\nendmodule\n",
    )
    .build()
    .expect("builds");
    for (how, finished) in [(1, true), (2, false)] {
        let mut model = Model::new(&library).expect("opens");
        let (clk, port) = (model.port("clk").expect("a port"), model.port("how").expect("a port"));
        assert_eq!(model.run_cycles(clk, 5), 5);
        assert!(model.stop().is_none());
        model.set(port, how);
        assert_eq!(model.run_cycles(clk, 5), 1);
        let stop = model.stop().expect("it stopped");
        assert_eq!(stop.finished, finished);
        assert!(stop.text.contains("ender.v:"), "{}", stop.text);
        assert_eq!(model.take_output().contains("bye 1"), finished);
    }
}

#[test]
fn imports_call_rust_of_their_own_model() {
    let library = Spec::new("caller")
        .source(verilog(
            "caller",
            "module caller(input clk, input [31:0] a, output reg [31:0] sum, output reg [31:0] twice);\n  import \"DPI-C\" function int add(input int x, input int y);\n  import \"DPI-C\" function void double_it(input int x, output int y);\n  int t;\n  always @(posedge clk) begin\n    sum <= add(a, 32'd3);\n    double_it(a, t);\n    twice <= t;\n  end\nendmodule\n",
        ))
        .argument("-sv")
        .build()
        .expect("builds");
    let calls = Rc::new(RefCell::new(0));
    let mut models: Vec<Model> = (0..2).map(|_| Model::new(&library).expect("opens")).collect();
    for (i, model) in models.iter_mut().enumerate() {
        let (seen, offset) = (calls.clone(), i as u64 * 1000);
        model.on_dpi("add", move |args| {
            *seen.borrow_mut() += 1;
            (args[0] + args[1] + offset) & 0xffff_ffff
        });
        model.on_dpi("double_it", |args| {
            args[1] = args[0] * 2;
            0
        });
    }
    for (i, model) in models.iter_mut().enumerate() {
        let (clk, a) = (model.port("clk").expect("a port"), model.port("a").expect("a port"));
        model.set(a, 20);
        model.run_cycles(clk, 1);
        let (sum, twice) = (model.port("sum").expect("a port"), model.port("twice").expect("a port"));
        assert_eq!((model.get(sum), model.get(twice)), (23 + i as u64 * 1000, 40));
    }
    assert_eq!(*calls.borrow(), 2);
}

#[test]
fn waves_and_coverage_are_written_only_by_models_built_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (wave, coverage) = (folder.path().join("w.fst"), folder.path().join("c.dat"));
    let mut plain = Model::new(&counter().build().expect("builds")).expect("opens");
    assert!(matches!(plain.trace_open(&wave, 0), Err(Error::NotBuiltWith { .. })));
    assert!(matches!(plain.write_coverage(&coverage), Err(Error::NotBuiltWith { .. })));
    assert!(!wave.exists() && !coverage.exists());

    let library = counter().trace(true).coverage(true).build().expect("builds");
    let mut model = Model::new(&library).expect("opens");
    let clk = model.port("clk").expect("a port");
    model.trace_open(&wave, 0).expect("opens");
    model.run_cycles(clk, 50);
    model.trace_pause();
    model.write_coverage(&coverage).expect("written");
    // Another file ends the first, and is a wave of its own; the same one goes on.
    let second = folder.path().join("second.fst");
    for path in [&second, &second] {
        model.trace_open(path, 0).expect("opens");
        model.run_cycles(clk, 5000);
        model.trace_pause();
    }
    let error = model.write_coverage(&folder.path().join("none/c.dat")).expect_err("no folder").to_string();
    assert!(error.contains("cannot write") && error.contains("none/c.dat"), "{error}");
    drop(model);
    for path in [&wave, &second] {
        // An FST begins with a header block: type 0, length 329, first and last time.
        let bytes = std::fs::read(path).expect("written");
        assert!(bytes.len() > 400 && bytes[..9] == [0, 0, 0, 0, 0, 0, 0, 1, 73], "{}", path.display());
        let time = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        // One that is opened later begins with what stands then, at its own time.
        let expected = if path == &wave { (0, 99) } else { (99, 20_099) };
        assert_eq!((time(9), time(17)), expected, "{}", path.display());
    }
    assert!(std::fs::read_to_string(&coverage).expect("text").contains("counter8"));
}
