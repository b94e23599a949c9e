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
struct Starts {
    waiting: u64,
    running: bool,
    /// Cycle 0 of the run, and of the first of its series.
    launched: u64,
    series: Option<u64>,
    /// AUTO_CYCLES, while no series is on.
    auto_cycles: Option<u64>,
    /// A run, an upload or another first row in the last two cycles, newest first.
    busy: [bool; 2],
    /// Cycles that the first start has waited.
    waited: u64,
    error: u64,
    /// A start was dropped in the last cycle, with what it waited for, or was one too many: ERROR says so a cycle later.
    dropped: Option<u64>,
    refused: bool,
    irq: u64,
    cycles: u64,
    runs: u64,
    frames: [u64; 3],
    vectors: u64,
}

impl Starts {
    /// As reset leaves it.
    fn new() -> Starts {
        Starts {
            waiting: 0,
            running: false,
            launched: 0,
            series: None,
            auto_cycles: Some(0),
            busy: [true; 2],
            waited: 0,
            error: 0,
            dropped: None,
            refused: false,
            irq: 0,
            cycles: 0,
            runs: 0,
            frames: [0; 3],
            vectors: 0,
        }
    }
}

/// Inputs of one bit. Those up to `in_none_i` stand rarely, the next often, each with its chances in calm stretches and in hard ones.
const INPUTS: [(&str, f64, f64); 25] = [
    ("start_i", 0.02, 0.3),
    ("abandon_i", 0.0, 0.02),
    ("auto_i", 0.95, 0.6),
    ("stop_i", 0.0, 0.02),
    ("poison_i", 0.0, 0.005),
    ("poisoned_i", 0.0, 0.005),
    ("bad_frame_i", 0.0, 0.005),
    ("good_frame_i", 0.1, 0.2),
    ("sent_i", 0.1, 0.2),
    ("refused_busy_i", 0.0, 0.005),
    ("refused_range_i", 0.0, 0.005),
    ("rram_ended_i", 0.02, 0.1),
    ("rram_retired_i", 0.02, 0.1),
    ("error_clear_i", 0.1, 0.1),
    ("irq_clear_we_i", 0.1, 0.3),
    ("out_room_i", 0.9, 0.8),
    ("out_next_room_i", 0.9, 0.8),
    ("out_busy_i", 0.5, 0.5),
    ("in_none_i", 0.8, 0.1),
    ("in_full_i", 0.8, 0.7),
    ("in_next_full_i", 0.8, 0.7),
    ("uploading_i", 0.02, 0.1),
    ("entry_we_i", 0.02, 0.1),
    ("rram_busy_i", 0.02, 0.1),
    ("vector_i", 0.5, 0.5),
];

#[test]
fn run_control_agrees_in_every_cycle_with_starts_that_wait_launch_follow_and_end() {
    let seen = bench(&block("systole_control").parameter("AUTO", 1), 11, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let inputs = INPUTS.map(|(name, ..)| s(name));
        let [done, rst, limit, irq_clear, rram_error, cycle] =
            ["done_i", "rst_i", "start_limit_i", "irq_clear_i", "rram_error_i", "cycle_i"].map(s);
        let [arm, next, step, clear, status, error] = ["arm_o", "next_o", "step_o", "auto_clear_o", "status_o", "error_o"].map(s);
        let [irq, cycles, runs, vectors, auto_cycles] =
            ["irq_status_o", "cycles_o", "runs_o", "vectors_o", "auto_cycles_o"].map(s);
        let frames = ["frames_in_o", "frames_out_o", "frames_dropped_o"].map(s);
        let [flush, release, busy, waits, on] = ["flush_o", "release_o", "busy_o", "waits_o", "on_o"].map(s);
        let mut random = sim.random("stimuli");
        let mut m = Starts::new();
        let (mut length, mut seen, mut start_limit) = (5, [0u64; 12], 0);
        rst.set(1);
        clk.rising_edge().await;
        for t in 0..60_000u64 {
            // Long calm stretches between hard ones, with a limit or without.
            let calm = t / 500 % 2 == 0;
            if t % 250 == 0 {
                start_limit = [0, 1 + random.below(12)][random.below(2) as usize];
                limit.set(start_limit);
            }
            let given: [bool; 25] = std::array::from_fn(|i| random.chance(if calm { INPUTS[i].1 } else { INPUTS[i].2 }));
            inputs.iter().zip(given).for_each(|(signal, value)| signal.set(value.into()));
            let [
                start,
                abandon,
                auto,
                stop,
                poison,
                poisoned,
                bad,
                good,
                sent,
                up_busy,
                up_range,
                ended,
                retired,
                error_clear,
                ..,
            ] = given;
            let [.., irq_we, room, next_room, out_busy, none, full_in, next_full, uploading, entry, rram, vector] = given;
            let reset = random.chance(if calm { 0.0 } else { 0.01 });
            rst.set(reset.into());
            let code = if random.chance(if calm { 0.0 } else { 0.01 }) { 6 + random.below(12) } else { 0 };
            rram_error.set(code);
            let cleared = random.below(1 << 7);
            irq_clear.set(cleared);
            let now = random.below(1 << 32);
            cycle.set(now);
            let end = m.running && t == m.launched + length;
            done.set(end.into());
            clk.rising_edge().await;

            let pending = m.waiting > 0 && !m.running;
            let full = m.waiting + u64::from(m.running) == 2;
            let input = none || full_in;
            let bits = [
                m.running,
                pending,
                full,
                pending && !input,
                pending && !room,
                full_in,
                out_busy,
                uploading,
                pending && rram,
                poison,
            ];
            let expected = bits.iter().enumerate().fold(0, |word, (n, bit)| word | u64::from(*bit) << n);
            assert_eq!(status.get(), expected, "STATUS in cycle {t}");
            assert_eq!(error.get(), m.error, "ERROR in cycle {t}");
            assert_eq!(irq.get(), m.irq, "IRQ_STATUS in cycle {t}");
            assert_eq!((cycles.get(), runs.get()), (m.cycles, m.runs), "CYCLES and RUNS in cycle {t}");
            assert_eq!(frames.each_ref().map(|f| f.get()), m.frames, "frames in cycle {t}");
            assert_eq!(vectors.get(), m.vectors, "vectors in cycle {t}");
            let states = [&busy, &waits, &on].map(|signal| signal.is_high());
            assert_eq!(states, [m.running || m.waiting > 0, m.waiting > 0, m.running], "busy, waits and on in cycle {t}");
            assert_eq!(release.is_high(), end && !none, "the input frame is given back in cycle {t}");

            // At END: another run of the chip's own, or none.
            let halt = abandon || poison || poisoned || m.error != 0;
            let own = end && auto && !stop && !halt;
            assert_eq!(step.is_high(), own, "an own start in cycle {t}");
            assert_eq!(clear.is_high(), halt || end && stop, "AUTO is cleared in cycle {t}");
            let queued = m.waiting;
            m.waiting += u64::from(own);
            let goes_on = end && m.waiting > 0 && next_room && (none || next_full);
            assert!(!end || next.is_high() == goes_on, "launch behind END in cycle {t}");
            if end {
                assert_eq!(Some(auto_cycles.get()), m.series.map(|first| t - first), "AUTO_CYCLES at END in cycle {t}");
                seen[0] += u64::from(own && goes_on);
                seen[1] += u64::from(own && !goes_on);
                seen[2] += u64::from(auto && halt);
                seen[3] += u64::from(auto && stop);
                seen[4] += u64::from(own && queued > 0);
                seen[6] += 1;
                seen[7] += u64::from(own);
                m.auto_cycles = m.series.map(|first| t - first).filter(|_| !own && !goes_on);
                m.series = m.series.filter(|_| own).or(goes_on.then_some(t + 1));
                (m.cycles, m.runs) = (now, m.runs + 1);
            } else if let Some(count) = m.auto_cycles.filter(|_| m.series.is_none()) {
                assert_eq!(auto_cycles.get(), count, "AUTO_CYCLES behind the last END in cycle {t}");
            }
            let arms = pending && input && room && m.busy == [false; 2] && !uploading && !rram;
            assert_eq!(arm.is_high(), arms, "arming in cycle {t}");
            let gives_up = pending && start_limit != 0 && m.waited >= start_limit;
            let drops = gives_up && !arms;
            let refused = start && full && (own || !goes_on);
            seen[5] += u64::from(own && start);
            seen[8] += u64::from(drops);
            m.waiting = if abandon { 0 } else { m.waiting + u64::from(start && !refused) - u64::from(arms || goes_on || drops) };
            let forgets = abandon && !m.running && !arms;
            assert_eq!(flush.is_high(), forgets, "received input is forgotten in cycle {t}");
            if (forgets || drops) && m.series.take().is_some() {
                m.auto_cycles = None;
            }
            if goes_on || arms {
                m.launched = if arms { t + 2 } else { t + 1 };
                m.series = m.series.or(Some(m.launched));
                m.auto_cycles = None;
                length = random.below(9);
            }
            m.busy = [m.running || uploading || entry, m.busy[0] || entry];
            m.running = arms || m.running && (!end || goes_on);
            m.waited = if pending && !gives_up { m.waited + 1 } else { 0 };
            // The first error stays; of several in a cycle the one that stands first here.
            let codes = [
                (poisoned, 9),
                (m.dropped.is_some(), 1 | m.dropped.unwrap_or(0) << 8),
                (bad, 2),
                (m.refused, 3),
                (up_busy, 4),
                (up_range, 5),
                (code != 0, code),
            ];
            let new = codes.iter().find(|(stands, _)| *stands).map_or(0, |(_, code)| *code);
            let causes = [end, new != 0 && m.error == 0, good, sent, ended, poisoned, retired];
            m.irq &= if irq_we { !cleared } else { !0 };
            m.irq |= causes.iter().enumerate().fold(0, |word, (n, bit)| word | u64::from(*bit) << n);
            if m.error == 0 || error_clear {
                m.error = new;
            }
            seen[9] += u64::from(new & 0xff == 1);
            m.dropped = drops.then(|| u64::from(!input) | u64::from(!room) << 1 | u64::from(rram) << 2);
            m.refused = refused;
            for (count, event) in m.frames.iter_mut().zip([good, sent, bad]) {
                *count += u64::from(event);
            }
            m.vectors += u64::from(vector);
            if reset {
                seen[10] += u64::from(m.running);
                seen[11] += u64::from(!m.running && m.waiting > 0);
                m = Starts::new();
            }
        }
        seen
    });
    assert!(seen.iter().all(|&n| n > 15), "every case came up: {seen:?}");
}

#[test]
fn a_place_in_the_queue_is_free_in_the_cycle_in_which_its_start_launches() {
    // Before DONE both places are taken; in its cycle the queued start launches and leaves one.
    for (at, expected) in [(-2, (3, 1)), (-1, (3, 1)), (0, (0, 2)), (1, (0, 2)), (9, (0, 2))] {
        assert_eq!(third_start(at), expected, "third start in cycle {at} after DONE");
    }
}
