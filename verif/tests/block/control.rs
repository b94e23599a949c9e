// SPDX-License-Identifier: Apache-2.0
//! Run control: starts, queue, the series that AUTO keeps up, and what ends it.

use crate::common::{bench, block};

/// Runs two starts, and a third in a cycle relative to the first DONE; gives the error and how many runs follow.
fn third_start(at: i64) -> (u64, u64) {
    bench(&block("systole_control"), 1, move |sim, clk| async move {
        for name in ["in_none_i", "out_room_i", "out_next_room_i"] {
            sim.signal(name).set(1);
        }
        let [start, done, arm, next, error] = ["start_i", "done_i", "arm_o", "next_o", "error_o"].map(|s| sim.signal(s));
        let pulse = start.clone();
        pulse.set(1);
        clk.rising_edge().await;
        pulse.set(0);
        while arm.get() == 0 {
            clk.rising_edge().await;
        }
        // The first run goes on; the second start waits behind it.
        pulse.set(1);
        clk.rising_edge().await;
        pulse.set(0);
        clk.cycles(5).await;
        let mut runs = 0;
        for cycle in -3i64..60 {
            // DONE of the first run in cycle 0, of those that follow every ten cycles.
            let end = cycle >= 0 && cycle % 10 == 0 && (cycle == 0 || runs * 10 >= cycle as u64);
            done.set(end.into());
            start.set((cycle == at).into());
            clk.rising_edge().await;
            runs += u64::from(end && next.get() == 1);
        }
        (error.get() & 0xff, runs)
    })
}

/// What run control has to do, cycle by cycle: starts in a queue, a run or none, and the series that AUTO keeps up.
#[derive(Default)]
struct Starts {
    waiting: u64,
    running: bool,
    /// Cycle 0 of the run, and of the first of its series.
    launched: u64,
    series: Option<u64>,
    error: u64,
    /// A start in the last cycle was one too many: ERROR says so a cycle later.
    refused: bool,
    own: u64,
    runs: u64,
}

#[test]
fn runs_follow_by_themselves_until_none_is_left_or_something_ends_them() {
    const NAMES: [&str; 9] =
        ["start_i", "abandon_i", "auto_i", "stop_i", "poison_i", "bad_frame_i", "error_clear_i", "out_next_room_i", "entry_we_i"];
    let seen = bench(&block("systole_control").parameter("AUTO", 1), 11, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        s("in_none_i").set(1);
        let inputs = NAMES.map(s);
        let [room, done, arm, next, step, clear, status, error, cycles] =
            ["out_room_i", "done_i", "arm_o", "next_o", "step_o", "auto_clear_o", "status_o", "error_o", "auto_cycles_o"].map(s);
        let mut random = sim.random("stimuli");
        let mut m = Starts::default();
        let (mut length, mut behind, mut seen) = (5, [true; 2], [0u64; 8]);
        for t in 0..60_000u64 {
            // Long calm stretches between hard ones.
            let calm = t / 500 % 2 == 0;
            let [rare, often] = if calm { [0.0, 0.02] } else { [0.02, 0.3] };
            let chances = [often, rare, if calm { 0.95 } else { 0.6 }, rare, rare / 4.0, rare / 4.0, 0.1, 0.8, 0.1];
            let given: [bool; 9] = std::array::from_fn(|i| random.chance(chances[i]));
            let [start, abandon, auto, stop, poison, bad, error_clear, next_room, entry] = given;
            inputs.iter().zip(given).for_each(|(signal, value)| signal.set(value.into()));
            let this_room = random.chance(0.8);
            room.set(this_room.into());
            let end = m.running && t == m.launched + length;
            done.set(end.into());
            clk.rising_edge().await;

            assert_eq!(
                status.get() & 0b111,
                u64::from(m.running)
                    | u64::from(!m.running && m.waiting > 0) << 1
                    | u64::from(m.waiting + u64::from(m.running) == 2) << 2,
                "STATUS in cycle {t}"
            );
            assert_eq!(error.get() & 0xff, m.error, "ERROR in cycle {t}");
            // At END: another run of the chip's own, or none.
            let halt = abandon || poison || m.error != 0;
            let own = end && auto && !stop && !halt;
            assert_eq!(step.is_high(), own, "an own start in cycle {t}");
            assert_eq!(clear.is_high(), halt || end && stop, "AUTO is cleared in cycle {t}");
            let full = m.waiting + u64::from(m.running) == 2;
            let queued = m.waiting;
            m.waiting += u64::from(own);
            let goes_on = end && m.waiting > 0 && next_room;
            assert!(!end || next.is_high() == goes_on, "launch behind END in cycle {t}");
            if end {
                assert_eq!(Some(cycles.get()), m.series.map(|first| t - first), "AUTO_CYCLES at END in cycle {t}");
                seen[0] += u64::from(own && goes_on);
                seen[1] += u64::from(own && !goes_on);
                seen[2] += u64::from(auto && halt);
                seen[3] += u64::from(auto && stop);
                seen[4] += u64::from(own && queued > 0);
                m.series = m.series.filter(|_| own).or(goes_on.then_some(t + 1));
                m.runs += 1;
                m.own += u64::from(own);
            }
            let idle = behind == [false; 2]; // in the two cycles before, and the first row was not another
            let arms = !m.running && queued > 0 && this_room && idle;
            assert_eq!(arm.is_high(), arms, "arming in cycle {t}");
            let refused = start && full && (own || !goes_on);
            seen[5] += u64::from(own && start);
            m.waiting = if abandon { 0 } else { m.waiting + u64::from(start && !refused) - u64::from(arms || goes_on) };
            if !m.running && !arms && abandon {
                m.series = None;
            }
            if goes_on || arms {
                m.launched = if arms { t + 2 } else { t + 1 };
                m.series = m.series.or(Some(m.launched));
                length = random.below(9);
            }
            behind = [m.running || entry, behind[0]];
            m.running = arms || m.running && (!end || goes_on);
            if m.error == 0 || error_clear {
                m.error = if bad {
                    2
                } else if m.refused {
                    3
                } else {
                    0
                };
            }
            m.refused = refused;
        }
        seen[6] = m.runs;
        seen[7] = m.own;
        seen
    });
    assert!(seen.iter().all(|&n| n > 20), "every case came up: {seen:?}");
}

#[test]
fn a_place_in_the_queue_is_free_in_the_cycle_in_which_its_start_launches() {
    // Before DONE both places are taken; in its cycle the queued start launches and leaves one.
    for (at, expected) in [(-2, (3, 1)), (-1, (3, 1)), (0, (0, 2)), (1, (0, 2)), (9, (0, 2))] {
        assert_eq!(third_start(at), expected, "third start in cycle {at} after DONE");
    }
}
