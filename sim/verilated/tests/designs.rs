// SPDX-License-Identifier: Apache-2.0
//! Designs out of the ordinary: each works, or is refused by a sentence that names what is against it.

use std::path::{Path, PathBuf};
use verilated::{Error, Model, Spec};

/// A file in a folder of its own, the same for every run, so that models come from the cache.
fn design(top: &str, text: &str) -> Spec {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("designs");
    std::fs::create_dir_all(&folder).expect("created");
    let path: PathBuf = folder.join(format!("{top}.sv"));
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
        std::fs::write(&path, text).expect("written");
    }
    Spec::new(top).source(path)
}

fn value(model: &Model, name: &str) -> Vec<u32> {
    let port = model.port(name).expect("a port");
    let mut words = vec![0; model.width(port).div_ceil(32) as usize];
    model.get_words(port, &mut words);
    words
}

#[test]
fn parameters_keep_every_bit_their_sign_and_their_text() {
    let spec = design(
        "parameters",
        "module parameters #(parameter A = 0, B = 0, C = 0, D = 0, E = 0, F = \"x\", parameter [199:0] G = 0, parameter real H = 0, \
         parameter signed [99:0] I = 0) (output [63:0] a, output b, c, output [31:0] d, output [127:0] e, output [39:0] f, \
         output [199:0] g, output [31:0] h, output [99:0] i, output [31:0] size);\n  \
         assign a = A, b = B, c = C, d = D, e = E, f = F, g = G, h = $rtoi(H * 4), i = I, size = $bits(A);\nendmodule\n",
    );
    let spec = spec.parameter("A", 4_294_967_296u64).parameter("B", true).parameter("C", false).parameter("D", -7);
    let spec = spec
        .parameter("E", u128::MAX - 1)
        .parameter("F", "\"ab 'c\"")
        .parameter("G", "200'hff_0000000000000000_0000000000000001");
    let spec = spec.parameter("H", 2.25).parameter("I", -5_000_000_000i64);
    let mut model = Model::new(&spec.build().expect("builds")).expect("opens");
    model.eval();
    assert_eq!(value(&model, "a"), [0, 1]);
    assert_eq!((value(&model, "b"), value(&model, "c"), value(&model, "d")), (vec![1], vec![0], vec![(-7i32) as u32]));
    assert_eq!(value(&model, "e"), [0xffff_fffe, u32::MAX, u32::MAX, u32::MAX]);
    assert_eq!(value(&model, "f"), [0x6220_2763, 0x61]); // ab 'c
    assert_eq!(value(&model, "g"), [1, 0, 0, 0, 0xff, 0, 0]);
    assert_eq!(value(&model, "h"), [9]);
    let minus = -5_000_000_000i128;
    assert_eq!(value(&model, "i"), [minus as u32, (minus >> 32) as u32, (minus >> 64) as u32, (minus >> 96) as u32 & 15]);
    assert_eq!(value(&model, "size"), [64]);
}

#[test]
fn a_parameter_that_is_no_value_is_refused_by_name() {
    for wrong in ["abc", "1 + 1", "8'xyz", "\"a", "NaN", ""] {
        let error = design("unset", "module unset #(parameter P = 0) (output q);\n  assign q = P;\nendmodule\n")
            .parameter("P", wrong)
            .build();
        let error = error.expect_err(wrong);
        assert!(matches!(&error, Error::Parameter { name, value, .. } if name == "P" && value == wrong), "{error}");
        assert!(error.to_string().contains("string in double quotes"), "{error}");
    }
}

#[test]
fn ports_of_thousands_of_bits_carry_them_all_by_every_way() {
    let spec = Spec::new("vast").source(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vast.v"));
    let mut model = Model::new(&spec.build().expect("builds")).expect("opens");
    for (input, output, width) in [("a", "x", 5000usize), ("b", "y", 8192)] {
        let (input, output) = (model.port(input).expect("a port"), model.port(output).expect("a port"));
        assert_eq!(model.width(input) as usize, width);
        let mask = |i: usize| if i + 1 < width.div_ceil(8) || width % 8 == 0 { 255 } else { (1 << (width % 8)) - 1 };
        let sent: Vec<u8> = (0..width.div_ceil(8)).map(|i| (i * 37 + i / 256) as u8 ^ 0x5a).collect();
        let expected: Vec<u8> = sent.iter().enumerate().map(|(i, b)| !b & mask(i)).collect();

        model.set_bytes(input, &sent);
        model.eval();
        let mut got = vec![0xee; expected.len() + 3]; // beyond its end there is nothing
        model.get_bytes(output, &mut got);
        assert_eq!(got[..expected.len()], expected);
        assert_eq!(got[expected.len()..], [0; 3]);

        let words: Vec<u32> = expected.chunks(4).map(|c| c.iter().rev().fold(0, |w, &b| w << 8 | u32::from(b))).collect();
        let mut got = vec![0; words.len()];
        model.get_words(output, &mut got);
        assert_eq!(got, words);
        assert_eq!(model.bits(output).expect("wide").count_ones(), expected.iter().map(|b| b.count_ones() as usize).sum());

        model.set_words(input, &words); // and back
        model.eval();
        let mut got = vec![0; sent.len()];
        model.get_bytes(output, &mut got);
        assert_eq!(got, sent.iter().enumerate().map(|(i, b)| b & mask(i)).collect::<Vec<_>>());
        model.bits_mut(input).expect("wide").fill(false);
        model.bits_mut(input).expect("wide").set(width - 1, true);
        model.eval();
        let bits = model.bits(output).expect("wide");
        assert!(!bits[width - 1] && bits[width - 2] && bits.count_ones() == width - 1);
        model.set(input, 3);
        model.eval();
        assert_eq!(model.get(output), !3);
    }
}

#[test]
fn names_are_those_of_the_verilog_and_ports_that_cannot_be_used_say_why() {
    let spec = design(
        "names",
        "module names(input [7:0] a__b, input \\a.b[1] , output [7:0] delete, input [1:0][3:0] packed_one, input [7:0] data [3],\n  output real level, inout [3:0] bus, output int \\new );\n  \
         assign delete = a__b + \\a.b[1] + packed_one, level = 1.5, bus = a__b[0] ? 4'd3 : 4'bz, \\new = data[1];\nendmodule\n",
    );
    let library = spec.build().expect("builds");
    let names: Vec<&str> = library.ports().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["a__b", "a.b[1]", "delete", "packed_one", "new"]);
    let mut model = Model::new(&library).expect("opens");
    for (name, value) in [("a__b", 5), ("a.b[1]", 1), ("packed_one", 0x21)] {
        let port = model.port(name).expect("a port");
        model.set(port, value);
    }
    model.eval();
    assert_eq!(value(&model, "delete"), [39]);
    for (name, what) in [("data", "unpacked array"), ("level", "real"), ("bus", "inout")] {
        let text = model.port(name).expect_err("refused").to_string();
        assert!(text.contains(&format!("'{name}'")) && text.contains(what) && text.contains("wrap"), "{text}");
    }
}

#[test]
fn what_the_binding_cannot_run_is_refused_by_what_is_against_it() {
    for name in ["name", "eval", "threads", "rootp", "final_", "contextp", "Vmodel"] {
        let text = format!("module member(input {name}, output y);\n  assign y = {name};\nendmodule\n");
        let built = design(&format!("member_{name}"), &text.replace("member", &format!("member_{name}"))).build();
        if name == "final_" {
            built.expect("only like a member"); // `final` itself is a word of SystemVerilog
            continue;
        }
        let text = built.expect_err(name).to_string();
        assert!(text.contains(&format!("port '{name}'")) && text.contains("rename it"), "{text}");
    }
    let delays = design("delays", "module delays(output reg q);\n  initial begin q = 0; #5 q = 1; end\nendmodule\n");
    for spec in [delays.clone(), delays.argument("--timing")] {
        let text = spec.build().expect_err("no time of its own").to_string();
        assert!(text.contains("delays") && text.contains("--no-timing"), "{text}");
    }
    let wire = design("wire1", "module wire1(input a, output y);\n  assign y = a;\nendmodule\n");
    for (argument, advice) in
        [("--trace", "Spec::trace"), ("--coverage", "Spec::coverage"), ("--lint-only", "--lint-only"), ("--sc", "--sc")]
    {
        let error = wire.clone().argument(argument).build().expect_err(argument);
        assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains(advice), "{argument}: {error}");
    }
    let import =
        "module texts(input a);\n  import \"DPI-C\" function void say(input string s);\n  always @(a) say(\"x\");\nendmodule\n";
    let text = design("texts", import).build().expect_err("a string").to_string();
    assert!(text.contains("'say'") && text.contains("char*"), "{text}");
}

#[test]
fn all_that_a_design_prints_arrives_or_the_loss_is_told() {
    let spec = design(
        "talker",
        "module talker(input clk, input [1:0] what);\n  reg [79999:0] long;\n  integer i;\n  initial long = {10000{8'h41}};\n  always @(posedge clk) case (what)\n    1: $display(\"%s\", long);\n    2: for (i = 0; i < 3000; i = i + 1) $display(\"line %0d of some sixty characters, so that all of them are long\", i);\n    3: for (i = 0; i < 1800; i = i + 1) $display(\"%s\", long);\n  endcase\nendmodule\n",
    );
    let mut model = Model::new(&spec.build().expect("builds")).expect("opens");
    let (clk, what) = (model.port("clk").expect("a port"), model.port("what").expect("a port"));
    let mut say = |kind: u64| {
        model.set(what, kind);
        model.run_cycles(clk, 1);
        model.take_output()
    };
    assert_eq!(say(1), "A".repeat(10000) + "\n");
    let text = say(2);
    assert_eq!(text.lines().count(), 3000);
    assert!(text.len() > 150_000 && text.lines().last().expect("lines").starts_with("line 2999 of"));
    let text = say(3);
    assert!(text.len() > 16 << 20 && text.ends_with("call take_output more often]\n"), "{}", text.len());
    assert_eq!(say(1), "A".repeat(10000) + "\n", "after it was taken there is room again");
}
