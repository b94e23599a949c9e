// SPDX-License-Identifier: Apache-2.0
//! A sample of each campaign of the RRAM (docs/rram.md has the long ones).

use systole_backends::rram_model::RramModel;
use systole_campaigns::power::Updates;
use systole_campaigns::{bound, control, cuts, power, wear, words, years};
use systole_chip::device::{Corner, Device};
use systole_compiler::compile;
use systole_isa::ecc::Ecc;
use systole_isa::rram::{Layout, RETRIES, slot_bytes};
use systole_isa::{Config, Image};
use systole_verif::long;
use systole_workloads::digits;

fn image(config: &Config) -> Image {
    compile(&digits::load().unwrap().network.graph().unwrap(), config, &systole_compiler::Options::default()).unwrap().image
}

#[test]
fn p1_every_single_and_double_error_of_an_image_is_corrected_or_flagged() {
    for (name, ecc) in [("tiny", Ecc::Secded), ("base", Ecc::Secded), ("tiny", Ecc::DecTed), ("base", Ecc::DecTed)] {
        let config = Config::named(name).unwrap().with_ecc(ecc);
        let (tried, silent) = words::exhaustive(&image(&config), &config, if long() { usize::MAX } else { 60 });
        println!("{}: {tried} errors", config.label());
        assert_eq!(silent, 0);
        assert!(tried > 40_000);
    }
}

#[test]
fn p2_no_mixed_fault_is_silent_where_the_crc_is_checked() {
    let config = Config::named("base").unwrap();
    let count = if long() { 1_000_000 } else { 20_000 };
    let kinds = words::KINDS.map(String::from);
    for r in words::run(&image(&config), &config, &kinds, count, 1) {
        println!("{}: {:?}, without CRC {:?}; below {:.1e}", r.kind, r.checked, r.unchecked, bound(r.checked.silent, count));
        assert_eq!((r.checked.total(), r.checked.silent), (count, 0), "{}", r.kind);
        match r.kind.as_str() {
            "single" => assert_eq!(r.unchecked.corrected, count),
            "double" => assert_eq!(r.unchecked.detected, count),
            // The CRC is needed: the code alone lets some through.
            "triple" => assert!(r.unchecked.silent > count / 10),
            _ => {}
        }
    }
}

#[test]
fn p2_with_dected_doubles_are_corrected_and_fewer_faults_pass_the_code() {
    let config = Config::named("base").unwrap();
    let count = 20_000;
    let kinds = words::KINDS.map(String::from);
    let weak = words::run(&image(&config), &config, &kinds, count, 1);
    let config = config.with_ecc(Ecc::DecTed);
    for (r, weak) in words::run(&image(&config), &config, &kinds, count, 1).iter().zip(&weak) {
        println!("{}: {:?}, without CRC {:?}", r.kind, r.checked, r.unchecked);
        assert_eq!((r.checked.total(), r.checked.silent), (count, 0), "{}", r.kind);
        match r.kind.as_str() {
            "single" | "double" => assert_eq!(r.unchecked.corrected, count),
            "triple" => assert!(r.unchecked.silent * 2 < weak.unchecked.silent, "{:?} {:?}", r.unchecked, weak.unchecked),
            _ => {}
        }
    }
}

#[test]
fn p5_a_cut_of_power_leaves_the_old_image_or_the_new_one() {
    // Cycles all over an update, and all kinds of torn bits.
    let mut all = power::PowerCuts::default();
    let (rounds, each) = if long() { (40, 700) } else { (4, 30) };
    for n in 0..rounds {
        all.merge(power::run(Updates::Images, Ecc::Secded, n * 5_003, each, n + 1).unwrap());
    }
    println!("{all:?}");
    assert!(all.violations.is_empty(), "{:#?}", all.violations);
    // An update with what the slot holds already is shorter, and whole before the cut comes.
    assert!(all.cuts > rounds * each * 6 / 10 && all.old > 0 && all.new > 0 && all.second > 0 && all.in_pulse > 0, "{all:?}");
}

#[test]
fn p5_a_cut_at_any_pulse_or_instruction_of_the_program_leaves_the_old_image_or_the_new_one() {
    // Parts of each kind, two or three updates of each.
    let count = if long() { 500_000 } else { 3_334 };
    let begin = std::time::Instant::now();
    let run = |first: u64| {
        // Both codes of words in turn.
        let of = |n: u64| cuts::run(Updates::Images, Ecc::ALL[n as usize % 2], first + n * 1_000_001, count, 1).unwrap();
        [of(0), of(1), of(2)]
    };
    let halves = std::thread::scope(|s| [0, 1 << 32].map(|first| s.spawn(move || run(first))).map(|h| h.join().unwrap()));
    let mut all = cuts::ModelCuts::default();
    halves.into_iter().flatten().for_each(|half| all.merge(half));
    println!("{:.2} s, {} addresses, {all:?}", begin.elapsed().as_secs_f64(), all.addresses.len());
    assert!(all.violations.is_empty(), "{:#?}", all.violations);
    assert_eq!((all.cuts, all.old + all.new), (6 * count, 6 * count));
    assert!(all.new > 0 && all.second > 0 && all.in_pulse > all.cuts * 7 / 10 && all.addresses.len() > 250, "{all:?}");
}

#[test]
fn a_cut_of_power_in_an_update_of_rows_leaves_all_old_rows_or_all_new_ones() {
    let (rounds, each) = if long() { (40, 700) } else { (2, 40) };
    let mut all = power::PowerCuts::default();
    for n in 0..rounds {
        all.merge(power::run(Updates::Rows, Ecc::Secded, 3 + n * 5_003, each, n + 1).unwrap());
    }
    println!("{all:?}");
    assert!(all.violations.is_empty(), "{:#?}", all.violations);
    assert!(all.cuts > 0 && all.old > 0 && all.new > 0 && all.second > 0 && all.in_pulse > 0, "{all:?}");
}

#[test]
fn a_cut_at_any_pulse_or_instruction_of_an_update_of_rows_leaves_all_old_rows_or_all_new_ones() {
    let count = if long() { 500_000 } else { 5_000 };
    let mut all = cuts::ModelCuts::default();
    for (n, ecc) in Ecc::ALL.into_iter().enumerate() {
        all.merge(cuts::run(Updates::Rows, ecc, n as u64 * 1_000_001, count, 1).unwrap());
    }
    println!("{all:?}");
    assert!(all.violations.is_empty(), "{:#?}", all.violations);
    assert_eq!((all.cuts, all.old + all.new), (2 * count, 2 * count));
    assert!(all.new > 0 && all.second > 0 && all.in_pulse > all.cuts / 2 && all.updates >= 8, "{all:?}");
}

/// The program with a commit that writes the record before the copy of the line table.
fn record_first() -> String {
    let source = systole_isa::rram_engine::SOURCE;
    let routine = &source[source.find("copy_table:\n").unwrap()..];
    let program = "    do PROGRAM, PULSING          ; what failed is judged by reading\n";
    assert!(routine.contains(program));
    let crc = routine
        .replace(program, "")
        .replace("    do PROGRAM, PULSING\n", "")
        .replace("copy_", "crc_")
        .replace("tail_", "crc_tail_");
    let swapped = source.replacen("    call copy_table\n", "    call crc_table\n    jmp commit_record\n", 1);
    swapped.replace("commit_made:\n", "commit_made:\n    call copy_table\n") + &crc
}

#[test]
fn p5_the_campaign_finds_a_program_that_writes_the_record_first() {
    let program = systole_isa::rram_engine::assemble(&record_first()).unwrap();
    let found = cuts::run_program(&program, Updates::Images, Ecc::Secded, 0, 5_000, 1).unwrap();
    println!("{found:?}");
    assert!(found.violations.iter().any(|v| v.contains("without its line table")), "{found:?}");
}

#[test]
fn p6_wear_is_levelled_on_every_pattern() {
    let lines = if long() { 1024 } else { 128 };
    let setting = wear::Setting { lines, endurance: 10_000, spread: 0.0, spares: 0, classes: 2, level: true };
    for (pattern, classes) in wear::PATTERNS.into_iter().flat_map(|p| [(p, 1), (p, 2)]) {
        let setting = wear::Setting { classes, ..setting };
        let l = wear::lifetime(pattern, setting, 1);
        let none = wear::lifetime(pattern, wear::Setting { level: false, ..setting }, 1);
        println!(
            "{pattern}, classes {classes}: {:.3}, without {:.3}, {:.2} % more writes",
            l.normalised,
            none.normalised,
            100.0 * l.overhead
        );
        assert!(l.normalised >= 0.95, "{pattern}: {}", l.normalised);
        assert!(pattern == "uniform" || none.normalised < 0.2);
    }
}

#[test]
fn p7_p8_parts_live_ten_years_and_lines_take_their_words() {
    let config = Config::named("small").unwrap();
    let setting = years::Setting {
        parts: if long() { 100 } else { 2 },
        years: 10,
        scrubs: 4,
        celsius: 85.0,
        corner: "typ22".into(),
        seed: 1,
    };
    let with = years::run(&image(&config), &config, &setting, |_| {}).unwrap();
    println!("{with:?}");
    assert_eq!((with.good, with.unprogrammed, with.uncorrectable), (setting.parts, 0, 0), "{with:?}");
    assert!(with.refreshed > 0 && with.bits > 0);
    // Lines, each of eight words: given up ones were retired, so none is silently bad.
    let lines: u64 = with.rounds.iter().sum();
    let given_up = with.rounds[RETRIES as usize + 1];
    assert!(given_up * 100 < lines, "{:?}", with.rounds);
}

#[test]
fn p9_stuck_cells_use_up_the_spares_and_the_next_one_is_flagged() {
    let config = Config::named("small").unwrap();
    let image = years::fill(image(&config), &config);
    let (bytes, record) = slot_bytes(&image, &config);
    let layout = Layout::of(&config);
    for more in [0, 1] {
        let corner = Corner::named("healthy22").unwrap();
        let mut rram = RramModel::new(&config, Device::new(&config, corner, 5));
        assert!(rram.wake(false).is_err());
        // In so many lines of the image one cell in its first code is stuck at what it should not be.
        // Lines of both classes in turn; the last one finds no spare in its class.
        for n in 0..layout.spares + more {
            let line = n * 17;
            let one = bytes[(line * layout.line_bytes) as usize] & 1 == 1;
            rram.device.stick(0, line, 0, !one);
        }
        let written = rram.write_slot(0, &bytes).and_then(|()| rram.commit(0, &record));
        assert_eq!((rram.counts.remaps, rram.spares()[0]), (layout.spares, 0));
        if more == 0 {
            written.unwrap();
            assert_eq!(rram.wake(false).unwrap(), bytes);
            assert_eq!(rram.counts.corrected, 0, "stuck cells are not left to the code");
        } else {
            assert_eq!(written.unwrap_err(), "RRAM_PROGRAM");
        }
    }
}

#[test]
fn p8_cells_that_are_not_stuck_take_their_bits_within_eight_rounds() {
    let config = Config::named("small").unwrap();
    let image = years::fill(image(&config), &config);
    let setting = years::Setting {
        parts: if long() { 100 } else { 4 },
        years: 0,
        scrubs: 0,
        celsius: 85.0,
        corner: "healthy22".into(),
        seed: 1,
    };
    let y = years::run(&image, &config, &setting, |_| {}).unwrap();
    let (words, given_up) = (y.rounds.iter().sum::<u64>() * u64::from(config.rows), y.rounds[RETRIES as usize + 1]);
    println!("{words} words, {:?}", y.rounds);
    assert!(words > 30_000 && given_up as f64 <= 1e-5 * words as f64, "{given_up} of {words}");
    assert_eq!(y.good, setting.parts);
}

#[test]
fn p10_no_upset_lets_a_pulse_through_while_locked() {
    let count = if long() { 3000 } else { 12 };
    // Taken in steps, so that the sample sees every register.
    let mut all = control::Upsets::default();
    for n in 0..if long() { 2 } else { 3 } {
        let ecc = if long() { Ecc::ALL[n as usize] } else { Ecc::Secded };
        all.merge(control::run(ecc, 331 + n * 977, count, n + 1).unwrap());
    }
    println!("{all:?}");
    assert!(all.flip_flops > 1000 && all.locked >= count);
    assert_eq!((all.pulses, all.wake.silent), (0, 0), "{all:?}");
}
