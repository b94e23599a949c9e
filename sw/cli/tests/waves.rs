// SPDX-License-Identifier: Apache-2.0
//! `--trace`: waves that begin at the run, names of states in them, layouts beside them. Read back with wellen.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use systole_isa::{Config, Instruction, Latency};
use wellen::simple::{self, Waveform};

/// The machine whose traced model other tests build too.
const MACHINE: [&str; 2] = ["--config", "nano"];

fn systole(args: &[&str]) -> Output {
    let out = Command::new(env!("CARGO_BIN_EXE_systole")).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out
}

/// The digits network on one image, into a wave.
fn digits(wave: &str, window: &[&str]) -> Output {
    systole(&[&["run", "digits", "--images", "1"][..], &MACHINE, &["--trace", wave], window].concat())
}

/// The values of a signal by time.
fn changes(wave: &mut Waveform, name: &str) -> Vec<(u64, String)> {
    let hierarchy = wave.hierarchy();
    let full = |v: wellen::VarRef| hierarchy[v].full_name(hierarchy);
    let var =
        hierarchy.all_vars().find(|&v| full(v).ends_with(&format!("systole_top.{name}"))).unwrap_or_else(|| panic!("{name}"));
    let signal = hierarchy[var].signal_ref();
    wave.load_signals(&[signal]);
    let times = wave.time_table().to_vec();
    let values = wave.get_signal(signal).unwrap().iter_changes();
    values.map(|(at, v)| (times[at as usize], v.to_bit_string().unwrap())).collect()
}

fn number(bits: &str) -> u64 {
    u64::from_str_radix(bits, 2).unwrap()
}

/// What docs/waves.md does step by step.
#[test]
fn the_first_post_write_of_digits_stands_in_the_cycle_that_the_timetable_says() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    digits(&at("d.fst"), &["--trace-window", "run:0..150"]);
    systole(&[&["run", "digits", "--images", "1", "--backend", "model", "--image"][..], &[&at("d.img")], &MACHINE].concat());

    // The first vector that POST takes is the last step of a sum; its first result comes POST_WRITE behind that step's X address.
    let config = Config::named("nano").unwrap();
    let image = systole_isa::Image::from_bytes(&fs::read(at("d.img")).unwrap()).unwrap();
    let program = image.program().unwrap();
    let latency = Latency::of(&config);
    let matmul = program.rows.iter().find_map(|row| match &row.instruction {
        Instruction::Matmul(m) if m.last => Some((row.cycle + u64::from(row.instruction.words() + latency.issue), m)),
        _ => None,
    });
    let (begin, matmul) = matmul.unwrap();
    let last = |at_last: u8| (0..4).filter(|l| matmul.reduce >> l & 1 == 1).all(|l| at_last >> l & 1 == 1);
    let step = matmul.nest.iter().find(|s| last(s.at_last)).unwrap();
    let expected = begin + step.time + u64::from(latency.w_lead) + u64::from(latency.post_write);

    let begins = program.rows.iter().find(|row| matches!(row.instruction, Instruction::Matmul(_))).unwrap();
    let begins = begins.cycle + u64::from(begins.instruction.words() + latency.issue);

    let mut wave = simple::read(at("d.fst")).unwrap();
    let cycles = changes(&mut wave, "u_core.u_sequencer.cycle_o");
    let mut rises = |name: &str| {
        let (time, _) = changes(&mut wave, name).into_iter().find(|(_, v)| v == "1").unwrap();
        number(&cycles.iter().rfind(|(at, _)| *at <= time).unwrap().1)
    };
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/waves.md")).unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let taken = expected - u64::from(latency.post_write - latency.post_take);
    for (name, cycle) in [
        ("u_core.u_rows.u_matmul.r_en_o", begins),
        ("u_core.u_results.u_post.take_i", taken),
        ("u_core.u_results.u_post.out_valid_o", expected),
    ] {
        assert_eq!(rises(name), cycle, "{name}");
        assert!(words(&page).contains(&format!("in cycle {cycle}")), "docs/waves.md says that {name} rises in cycle {cycle}");
    }

    // The wave begins with cycle 0 of the run, and ends with its window.
    assert_eq!(number(&cycles[0].1), 0);
    assert_eq!(number(&cycles.last().unwrap().1), last_shown(&program, 149));
}

/// The last cycle that a wave of these cycles shows.
fn last_shown(program: &systole_isa::Program, last: u64) -> u64 {
    last.min(program.cycles())
}

#[test]
fn states_have_names_and_layouts_name_what_is_in_the_wave() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    digits(&at("d.fst"), &["--trace-window", "run:0..40"]);
    let wave = simple::read(at("d.fst")).unwrap();
    let hierarchy = wave.hierarchy();
    let names = |end: &str| {
        let var = hierarchy.all_vars().find(|&v| hierarchy[v].full_name(hierarchy).ends_with(end)).unwrap();
        let (_, values) = hierarchy[var].enum_type(hierarchy).unwrap_or_else(|| panic!("{end} has no names"));
        values.into_iter().map(|(bits, name)| (number(bits), name.to_string())).collect::<Vec<_>>()
    };
    let state = names("u_sequencer.waves.state_name");
    assert_eq!(state, [(0, "IDLE".into()), (1, "ARM".into()), (2, "RUN".into())]);
    assert!(names("u_sequencer.waves.row_unit_name").contains(&(1, "MATMUL".into())));
    // Every signal of both layouts is in the wave, with its range where the viewer wants one.
    let all: Vec<(String, String)> = hierarchy
        .all_vars()
        .map(|v| {
            let var = &hierarchy[v];
            let name = var.full_name(hierarchy);
            let range = var.index().filter(|_| var.length(hierarchy) != Some(1));
            (name.clone(), name + &range.map_or_else(String::new, |r| format!("[{}:{}]", r.msb(), r.lsb())))
        })
        .collect();
    let layout = fs::read_to_string(at("d.gtkw")).unwrap();
    let shown: Vec<&str> = layout.lines().filter(|l| !l.starts_with(['[', '@', '-'])).collect();
    let commands = fs::read_to_string(at("d.sucl")).unwrap();
    let added: Vec<&str> = commands.lines().filter_map(|l| l.strip_prefix("variable_add ")).collect();
    assert!(shown.len() > 40 && shown.len() == added.len(), "{} and {}", shown.len(), added.len());
    for (with, without) in shown.iter().zip(&added) {
        assert!(all.iter().any(|(name, ranged)| name == without && ranged == with), "{with} and {without}");
    }
    for unit in ["LOAD", "MATMUL", "POST", "STORE"] {
        assert!(layout.contains(&format!("-{unit}\n")) && commands.contains(&format!("divider_add {unit}\n")), "{unit}");
    }
    // A layout that is there stays.
    fs::write(at("d.gtkw"), "mine").unwrap();
    digits(&at("d.fst"), &["--trace-window", "run:0..40"]);
    assert_eq!(fs::read_to_string(at("d.gtkw")).unwrap(), "mine");
}

#[test]
fn a_window_without_cycles_is_a_warning_and_leaves_the_wave_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let wave = folder.path().join("w.fst").display().to_string();
    let gemm = |window: &str| {
        systole(
            &[&["gemm", "--m", "2", "--k", "5", "--n", "3"][..], &MACHINE, &["--trace", &wave, "--trace-window", window]]
                .concat(),
        )
    };
    let said = |out: &Output| String::from_utf8_lossy(&out.stderr).into_owned();
    let out = gemm("run:100000..");
    assert!(
        said(&out).contains("warning: nothing was recorded") && said(&out).contains("cycle 100000 from the launch"),
        "{}",
        said(&out)
    );
    assert!(!Path::new(&wave).exists());
    let out = gemm("run:0..20");
    assert_eq!(said(&out), "");
    let before = fs::read(&wave).unwrap();
    let out = gemm("1000000:1000001");
    assert!(said(&out).contains("cycle 1000000 from reset"), "{}", said(&out));
    assert_eq!(fs::read(&wave).unwrap(), before);
}
