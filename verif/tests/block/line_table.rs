// SPDX-License-Identifier: Apache-2.0
//! The line table (docs/rram.md): reads of both sides as a ripple word three cycles later, entries under their code.

use crate::common::block;
use harness::Setup;
use harness::verilated::Initial;
use rand::RngExt;
use systole_isa::ecc::{Code, Verdict};

const BITS: u32 = 6;
const DEPTH: u64 = 1 << BITS;

/// A read on its way.
#[derive(Clone, Copy, Default)]
struct Read {
    en: bool,
    reference: u64,
    line: u64,
    beat: u64,
    raw: bool,
    /// What the memory holds: wear, physical line; none was written yet: 0, without check bits.
    entry: Option<(u64, u64)>,
}

impl Read {
    /// Physical line, wear, and whether the entry is beyond correction.
    fn seen(&self, code: &Code) -> (u64, u64, bool) {
        let (data, bad) = match self.entry {
            Some((wear, line)) => (wear << 16 | line, false),
            None => {
                let (data, verdict) = code.decode(0, 0, self.line as u32);
                (data as u64, verdict == Verdict::Uncorrectable)
            }
        };
        (if self.raw { self.line } else { data & (DEPTH - 1) }, data >> 16, bad)
    }
}

#[test]
fn the_line_table_shows_each_entry_three_cycles_later_and_says_what_is_beyond_its_code() {
    let spec = block("systole_line_table").parameter("RRAM_DEPTH", DEPTH as usize).parameter("BW", 2);
    let library = spec.build().unwrap_or_else(|e| panic!("{e}"));
    // Memories begin as zeros: an entry that nobody wrote is a wrong word of the code at most lines.
    let setup = Setup { seed: 4, initial: Some(Initial::Zeros), ..Setup::default() };
    let run = harness::run_with(&library, setup, |sim| async move {
        let clk = sim.clock("clk_i");
        let s = |n: &str| sim.signal(n);
        let [rst, slot, m_en, m_line, m_beat] = ["rst_i", "slot_i", "m_en_i", "m_line_i", "m_beat_i"].map(s);
        let [c_en, c_line, c_beat, c_ref, c_raw] = ["c_en_i", "c_line_i", "c_beat_i", "c_ref_i", "c_raw_i"].map(s);
        let [we, waddr, wline, wwear] = ["we_i", "waddr_i", "wline_i", "wwear_i"].map(s);
        let [ripple, uncorrectable, look_line, look_wear] = ["ripple_o", "uncorrectable_o", "look_line_o", "look_wear_o"].map(s);
        let code = Code::new(32);
        let mut random = sim.random("reads");
        let mut memory = [None; DEPTH as usize];
        // The write that stands in its register; reads of the last three cycles, newest first.
        let (mut writing, mut reads) = (None::<(u64, (u64, u64))>, [Read::default(); 3]);
        let mut seen = [0u32; 4];
        rst.set(1);
        clk.cycles(2).await;
        for t in 0..30_000u64 {
            // At first little is written, so that most entries are wrong.
            let often = if t < 8000 { 0.002 } else { 0.2 };
            let now: Read = loop {
                let (matmul, controller) = [(true, false), (false, true), (false, false)][random.random_range(0..3)];
                let slot_now = random.below(2);
                let values =
                    [(&m_line, DEPTH), (&m_beat, 4), (&c_line, DEPTH), (&c_beat, 4), (&c_ref, 8)].map(|(signal, limit)| {
                        let value = random.below(limit);
                        signal.set(value);
                        value
                    });
                let raw = controller && random.chance(0.3);
                slot.set(slot_now);
                m_en.set(matmul.into());
                c_en.set(controller.into());
                c_raw.set(raw.into());
                let [of_m, beat_m, of_c, beat_c, reference] = values;
                let line = if matmul { of_m ^ slot_now << (BITS - 1) } else { of_c };
                // An entry is not read in the cycle in which it is written.
                if writing.is_none_or(|(at, _)| at != line) {
                    let (beat, reference) = if matmul { (beat_m, 0) } else { (beat_c, reference) };
                    break Read { en: matmul || controller, reference, line, beat, raw, entry: memory[line as usize] };
                }
            };
            let write = random.chance(often).then(|| (random.below(DEPTH), (random.below(1 << 16), random.below(DEPTH))));
            let (at, (wear, line)) = write.unwrap_or_else(|| (random.below(DEPTH), (random.below(1 << 16), random.below(DEPTH))));
            we.set(write.is_some().into());
            waddr.set(at);
            wline.set(line);
            wwear.set(wear);
            let reset = random.chance(0.01);
            rst.set(reset.into());
            clk.rising_edge().await;
            if t > 3 {
                let old = &reads[2];
                let (physical, wear, bad) = old.seen(&code);
                let word = (((u64::from(old.en) << 3 | old.reference) << BITS | old.line) << BITS | physical) << 2 | old.beat;
                assert_eq!(ripple.get(), word, "the ripple word in cycle {t}");
                assert_eq!((look_line.get(), look_wear.get()), (physical, wear), "the entry in cycle {t}");
                assert_eq!(uncorrectable.is_high(), old.en && !old.raw && bad, "an entry beyond correction in cycle {t}");
                seen[0] += u32::from(old.en && bad && !old.raw);
                seen[1] += u32::from(old.en && old.raw);
                seen[2] += u32::from(old.entry.is_some());
            }
            reads = [now, reads[0], reads[1]];
            if let Some((at, entry)) = writing {
                memory[at as usize] = Some(entry);
            }
            writing = write.filter(|_| !reset);
            if reset {
                seen[3] += u32::from(reads.iter().any(|r| r.en));
                reads.iter_mut().for_each(|r| r.en = false);
            }
        }
        seen
    });
    let seen = run.unwrap_or_else(|e| panic!("{e}")).value;
    assert!(seen.iter().all(|&n| n > 100), "every case came up: {seen:?}");
}
