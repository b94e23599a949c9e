// SPDX-License-Identifier: Apache-2.0
//! SCRUB rows in the windows that a timetable leaves.
//!
//! A SCRUB reads a line every R cycles, each line twice (docs/rram.md). Its reads keep away from weight loads: where they
//! lie is known here, in which way the line lies is not. Nothing is moved for it and END stays where it is, so that a run
//! takes the cycles it took.

use systole_isa::{Config, Instruction, Latency, Row, Scrub};

/// Adds SCRUB rows for up to `lines` lines of a run to `rows`, which are sorted and end in END. Lines that found room.
pub fn place(rows: &mut Vec<Row>, lines: u32, config: &Config) -> u32 {
    let latency = Latency::of(config);
    let (beats, ways, pitch) = (config.weight_beats as usize, config.rram_ways as usize, config.rows as usize);
    let end = rows.last().map_or(0, |r| r.cycle) as usize;
    let most_rows = (config.timetable_depth as usize).saturating_sub(rows.len());

    // Cycles in which a line cannot be read.
    let apart = beats + ways - 2;
    let mut taken = vec![false; end + 1];
    for row in &*rows {
        let Instruction::Matmul(i) = &row.instruction else { continue };
        let first = latency.first_step(row.cycle, row.instruction.words());
        for s in i.nest.iter().filter(|s| s.stepped.is_none_or(|l| l >= i.hold as usize)) {
            let load = (first + s.time) as usize;
            taken[load.saturating_sub(apart).min(end)..=(load + apart).min(end)].fill(true);
        }
    }
    // Cycles in which a row of one word can act.
    let spacing = latency.row_spacing as usize;
    let mut free = vec![true; end + 1];
    for row in &*rows {
        let (cycle, words) = (row.cycle as usize, row.instruction.words() as usize);
        free[(cycle + 1).saturating_sub(spacing)..=(cycle + words.max(spacing) - 1).min(end)].fill(false);
    }

    let issue = latency.first_step(0, 1) as usize + latency.scrub_read as usize; // row to first read
    let rest = latency.scrub_rest as usize;
    let (mut placed, mut added, mut cycle) = (0, Vec::new(), 0);
    while cycle + issue < end && placed < lines && added.len() < most_rows {
        let read = |n: usize| cycle + issue + n * pitch;
        let fits = |n: usize| read(n) + rest <= end && !taken[read(n)];
        let reads = if free[cycle] { (0..2 * (lines - placed).min(4095) as usize).take_while(|&n| fits(n)).count() } else { 0 };
        if reads < 2 {
            cycle += 1;
            continue;
        }
        let lines = (reads / 2) as u32;
        placed += lines;
        added.push(Row { cycle: cycle as u64, instruction: Instruction::Scrub(Scrub { lines }) });
        // The next one steps when this one rests.
        cycle = read(reads / 2 * 2 - 1) + rest - latency.first_step(0, 1) as usize;
    }
    rows.extend(added);
    rows.sort_by_key(|r| r.cycle);
    placed
}
