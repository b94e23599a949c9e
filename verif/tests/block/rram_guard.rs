// SPDX-License-Identifier: Apache-2.0
//! Keys, locks and books of the RRAM (docs/rram.md, docs/registers.md): every output in every cycle.

use crate::common::{bench, block};
use systole_isa::rram::KEYS;

const ROWS: usize = 4;
const COLS: usize = 4;
/// Bits of a line's number.
const BITS: u32 = 6;
const SPARES: u64 = 40;

/// Keys, locks, counters.
#[derive(Clone, Default)]
struct Guard {
    /// Keys that were given, one behind the other.
    keys: usize,
    locked: bool,
    inject_locked: bool,
    inject: u64,
    /// Corrected, beyond correction, pulses: by row, lines, and whether a run was on: a cycle behind the banks.
    held: ([u64; 3], [u64; ROWS], bool),
    corrected: u64,
    uncorrectable: u64,
    first: u64,
    last: u64,
    pulses: u64,
    retries: u64,
    remaps: u64,
    swaps: u64,
    poison: bool,
}

/// Inputs of one bit and how often each stands.
const INPUTS: [(&str, f64); 12] = [
    ("rst_i", 0.003),
    ("unlock_we_i", 0.15),
    ("lock_we_i", 0.01),
    ("inject_we_i", 0.1),
    ("clear_i", 0.02),
    ("relock_i", 0.02),
    ("internal_i", 0.2),
    ("run_on_i", 0.5),
    ("counted_i", 0.3),
    ("table_bad_i", 0.03),
    ("retried_i", 0.2),
    ("retired_i", 0.2),
];

#[test]
fn keys_locks_and_books_agree_in_every_cycle() {
    let spec = block("systole_rram_guard").parameter("ROWS", ROWS).parameter("COLS", COLS).parameter("RW", BITS as usize);
    bench(&spec.parameter("SP", SPARES as usize), 6, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let inputs = INPUTS.map(|(name, _)| s(name));
        let [wdata, fresh, corrected, bad, lines, pulse, swapped, used] =
            ["wdata_i", "fresh_i", "corrected_i", "uncorrectable_i", "lines_i", "pulse_i", "swapped_i", "used_i"].map(s);
        let states = ["unlocked_o", "locked_o", "enable_a_o", "enable_b_o", "poison_o", "poisoned_o"].map(s);
        let numbers = [
            "state_o",
            "inject_o",
            "flip_o",
            "corrected_o",
            "uncorrectable_o",
            "first_o",
            "last_o",
            "pulses_o",
            "retries_o",
            "remaps_o",
            "swaps_o",
            "spares_o",
        ]
        .map(s);
        let mut random = sim.random("stimuli");
        let (mut m, mut seen) = (Guard::default(), [0u32; 6]);
        for signal in &inputs {
            signal.set(0);
        }
        inputs[0].set(1);
        clk.rising_edge().await;
        for t in 0..40_000u32 {
            let given: [bool; 12] = std::array::from_fn(|i| random.chance(INPUTS[i].1));
            inputs.iter().zip(given).for_each(|(signal, value)| signal.set(value.into()));
            let [rst, unlock, lock, inject, clear, relock, internal, run, counted, table_bad, retried, retired] = given;
            let data = match random.below(4) {
                0 => u64::from(KEYS[0]),
                1 => u64::from(KEYS[1]),
                2 => random.below(1 << 18) & !0xe0e0, // bits of a word
                _ => random.below(1 << 32),
            };
            wdata.set(data);
            // Wrong words are rare in some stretches, so that the first and the last one are others.
            let rows = |random: &mut harness::Stream| {
                random.below(1 << ROWS) & if t / 200 % 2 == 0 { random.below(1 << ROWS) } else { 15 }
            };
            let events: [u64; 4] = std::array::from_fn(|_| rows(&mut random));
            let quiet = random.chance(0.6);
            let [is_fresh, is_corrected, is_bad, pulses] = if quiet { [0, events[1], events[2], events[3]] } else { events };
            for (signal, value) in [(&fresh, is_fresh), (&corrected, is_corrected), (&bad, is_bad), (&pulse, pulses)] {
                signal.set(value);
            }
            let of: [u64; ROWS] = std::array::from_fn(|_| random.below(1 << BITS));
            lines.set(of.iter().rev().fold(0, |all, line| all << BITS | line));
            let swaps = random.chance(0.2);
            swapped.set(swaps.into());
            let spares: [u64; 4] = std::array::from_fn(|_| random.below(SPARES / 2 + 1));
            used.set(spares.iter().rev().fold(0, |all, n| all << 8 | n));
            clk.rising_edge().await;

            let unlocked = m.keys == 2 && !m.locked;
            let enabled = !m.locked && (m.keys == 2 || internal);
            let ([was_corrected, was_bad, was_pulsed], was_of, was_on) = m.held;
            let poisoned = was_on && (was_bad != 0 || table_bad);
            let expected = [unlocked, m.locked, enabled, enabled, m.poison, poisoned && !m.poison];
            assert_eq!(states.each_ref().map(|p| p.is_high()), expected, "keys, locks, enables, poison in cycle {t}");
            let flip = |bit: u32, at: u64| {
                if m.inject >> bit & 1 == 1 { 1u64.checked_shl(at as u32).unwrap_or(0) & 0xffff_ffff } else { 0 }
            };
            let left = |n: usize| (SPARES - spares[n] - spares[n + 1]) & 0xffff;
            let expected = [
                u64::from(m.inject_locked) << 2 | u64::from(m.locked) << 1 | u64::from(unlocked),
                m.inject,
                flip(16, m.inject & 0xff) ^ flip(17, m.inject >> 8 & 0xff),
                m.corrected,
                m.uncorrectable,
                m.first,
                m.last,
                m.pulses,
                m.retries,
                m.remaps,
                m.swaps,
                left(2) << 16 | left(0),
            ];
            assert_eq!(numbers.each_ref().map(|p| p.get()), expected, "registers in cycle {t}");

            // The lowest row with a wrong word stands for its cycle.
            let place = (0..ROWS)
                .find(|r| (was_corrected | was_bad) >> r & 1 == 1)
                .map_or(0, |r| (was_bad >> r & 1) << 31 | (was_corrected >> r & 1) << 30 | (r as u64) << 16 | was_of[r]);
            seen[0] += u32::from(place != 0 && m.first != 0);
            seen[1] += u32::from(poisoned && !m.poison);
            seen[2] += u32::from(unlocked);
            seen[3] += u32::from(m.keys == 2 && m.locked);
            seen[4] += u32::from(m.inject_locked && inject);
            seen[5] += u32::from(enabled && m.keys < 2);
            if clear {
                (m.first, m.last) = (0, 0);
            } else if place != 0 {
                (m.first, m.last) = (if m.first == 0 { place } else { m.first }, place);
            }
            m.poison = poisoned || m.poison && !clear;
            m.corrected += u64::from(was_corrected.count_ones());
            m.uncorrectable += u64::from(was_bad.count_ones()) + u64::from(table_bad);
            m.pulses += u64::from(was_pulsed.count_ones());
            m.retries += u64::from(retried);
            m.remaps += u64::from(retired);
            m.swaps += u64::from(swaps);
            let counts = if run || counted { is_fresh } else { 0 };
            m.held = ([counts & is_corrected & !is_bad, counts & is_bad, pulses], of, run);
            if relock {
                m.keys = 0;
            } else if unlock {
                m.keys = match (u32::try_from(data) == Ok(KEYS[0]), u32::try_from(data) == Ok(KEYS[1])) {
                    (true, _) => 1,
                    (_, true) if m.keys > 0 => 2,
                    _ => 0,
                };
            }
            m.locked |= lock && data & 1 == 1;
            if inject && !m.inject_locked {
                m.inject = data & 0x3_ffff;
            }
            m.inject_locked |= lock && data >> 1 & 1 == 1;
            if rst {
                m = Guard::default();
            }
        }
        assert!(seen.iter().all(|&n| n > 20), "every case came up: {seen:?}");
    });
}
