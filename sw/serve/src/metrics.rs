// SPDX-License-Identifier: Apache-2.0
//! What is counted, for `/metrics` and the statistics.

use std::collections::BTreeMap;
use std::time::Duration;

/// Times by how often they came, to 1.6 %: 64 steps for each factor of two.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    steps: BTreeMap<u32, u64>,
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The largest.
    pub most: u64,
}

impl Histogram {
    fn step(value: u64) -> u32 {
        let octave = value.max(1).ilog2();
        if octave <= 6 { value as u32 } else { (octave - 5) * 64 + (value >> (octave - 6)) as u32 - 64 }
    }

    fn value(step: u32) -> u64 {
        let (octave, part) = (step / 64, u64::from(step % 64));
        if step < 128 { step.into() } else { (part + 64) << (octave - 1) }
    }

    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        *self.steps.entry(Self::step(value)).or_default() += 1;
        self.count += 1;
        self.sum += value;
        self.most = self.most.max(value);
    }

    /// The value that a share of all does not exceed; 0 where there are none.
    pub fn quantile(&self, share: f64) -> u64 {
        let goal = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (&step, &n) in &self.steps {
            seen += n;
            if seen >= goal.max(1) {
                return Self::value(step);
            }
        }
        0
    }
}

/// Exact values by how often they came.
#[derive(Debug, Clone, Default)]
pub struct Exact {
    values: BTreeMap<u64, u64>,
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl Exact {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        *self.values.entry(value).or_default() += 1;
        self.count += 1;
        self.sum += value;
    }

    /// As [`Histogram::quantile`].
    pub fn quantile(&self, share: f64) -> u64 {
        let goal = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.values
            .iter()
            .find(|&(_, &n)| {
                seen += n;
                seen >= goal
            })
            .map_or(0, |(&value, _)| value)
    }
}

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It would be answered behind its deadline.
    Late,
    /// As many wait as may.
    Full,
    /// The host goes down.
    Draining,
    /// There is no machine.
    Down,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 4] = [Reason::Late, Reason::Full, Reason::Draining, Reason::Down];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Late => "late",
            Reason::Full => "full",
            Reason::Draining => "draining",
            Reason::Down => "down",
        }
    }
}

/// Everything that is counted. Times of the machine are cycles, those of the host nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Requests that were admitted.
    pub admitted: u64,
    /// Requests that were refused, by `Reason`.
    pub refused: [u64; 4],
    /// Requests that were no requests: answered with 4xx.
    pub malformed: u64,
    /// Admitted ones whose client went away before they began: they do not run.
    pub vanished: u64,
    /// Admitted ones whose client went away while they ran.
    pub abandoned: u64,
    /// Answers that were given.
    pub answered: u64,
    /// Those that came behind their deadline on the machine's clock.
    pub late: u64,
    /// Admitted ones that the machine could not run.
    pub failed: u64,
    /// Tokens written.
    pub tokens: u64,
    /// Runs of the machine that had to be done again.
    pub repeated: u64,
    /// How often the machine was switched on.
    pub power_ups: u64,
    /// Cycles from launch to end, as the machine counted them, of each request that was answered.
    pub service: Exact,
    /// The same in the host's time: what the simulation took.
    pub service_host: Histogram,
    /// Cycles from arrival to launch.
    pub wait: Histogram,
    /// How much later than the pace had it answers came, in the host's time.
    pub behind: Histogram,
}

impl Counts {
    /// Counts a refusal.
    pub fn refuse(&mut self, reason: Reason) {
        self.refused[reason as usize] += 1;
    }
}

/// What stands beside the counts at the moment.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Requests that wait or run.
    pub queue: usize,
    /// The machine's clock, MHz, and the pace.
    pub rate: crate::clock::Rate,
    /// The machine's clock, cycles.
    pub cycle: u64,
    /// How long it waited for the simulation.
    pub held: Duration,
    /// The machine takes requests.
    pub ready: bool,
}

/// Prometheus' text format.
pub fn prometheus(c: &Counts, now: &Now) -> String {
    let mut text = Text(String::new());
    text.one("counter", "admitted_total", "Requests admitted.", c.admitted as f64);
    text.head("counter", "refused_total", "Requests refused, by reason.");
    for reason in Reason::ALL {
        text.line("refused_total", &format!("{{reason=\"{}\"}}", reason.name()), c.refused[reason as usize] as f64);
    }
    text.one("counter", "malformed_total", "Requests that were none: answered with 4xx.", c.malformed as f64);
    text.one("counter", "answered_total", "Answers given.", c.answered as f64);
    text.one("counter", "late_total", "Answers behind their deadline on the machine's clock.", c.late as f64);
    text.one("counter", "failed_total", "Admitted requests that the machine could not run.", c.failed as f64);
    text.one("counter", "vanished_total", "Admitted requests whose client went away before they began.", c.vanished as f64);
    text.one("counter", "abandoned_total", "Admitted requests whose client went away while they ran.", c.abandoned as f64);
    text.one("counter", "tokens_total", "Tokens written.", c.tokens as f64);
    text.one("counter", "repeated_total", "Requests begun again, for the machine failed.", c.repeated as f64);
    text.one("counter", "power_ups_total", "How often the machine was switched on.", c.power_ups as f64);
    text.one("gauge", "queue", "Requests that wait or run.", now.queue as f64);
    text.one("gauge", "ready", "1: requests are taken.", f64::from(u8::from(now.ready)));
    text.one("gauge", "pace", "Microseconds of the host for one of the machine.", now.rate.pace);
    text.one("counter", "machine_seconds_total", "The machine's clock.", now.rate.micros(now.cycle) / 1e6);
    text.one("counter", "held_seconds_total", "Host's time for which the machine's clock waited.", now.held.as_secs_f64());
    let machine = |cycles: u64| now.rate.micros(cycles) / 1e6;
    let host = |ns: u64| ns as f64 / 1e9;
    text.summary(
        "service_machine_seconds",
        "Launch to end on the machine's clock.",
        |q| machine(c.service.quantile(q)),
        (machine(c.service.sum), c.service.count),
    );
    let all = [
        ("service_host_seconds", "The same in the host's time: the simulation's.", &c.service_host, true),
        ("wait_machine_seconds", "Arrival to launch on the machine's clock.", &c.wait, false),
        ("behind_host_seconds", "How much later than the pace had it, in the host's time.", &c.behind, true),
    ];
    for (name, help, h, of_host) in all {
        let seconds = |v: u64| if of_host { host(v) } else { machine(v) };
        text.summary(name, help, |q| seconds(h.quantile(q)), (seconds(h.sum), h.count));
    }
    text.0
}

struct Text(String);

impl Text {
    fn head(&mut self, kind: &str, name: &str, help: &str) {
        self.0 += &format!("# HELP systole_{name} {help}\n# TYPE systole_{name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &str, value: f64) {
        self.0 += &format!("systole_{name}{labels} {value}\n");
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: f64) {
        self.head(kind, name, help);
        self.line(name, "", value);
    }

    fn summary(&mut self, name: &str, help: &str, quantile: impl Fn(f64) -> f64, (sum, count): (f64, u64)) {
        self.head("summary", name, help);
        for q in [0.5, 0.9, 0.99, 0.999, 1.0] {
            self.line(name, &format!("{{quantile=\"{q}\"}}"), quantile(q));
        }
        self.line(&format!("{name}_sum"), "", sum);
        self.line(&format!("{name}_count"), "", count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_values_agree_to_a_64th() {
        for value in (0..2000).chain((1..60).map(|n| (1u64 << n) + (1 << n) / 3)) {
            let back = Histogram::value(Histogram::step(value));
            assert!(back <= value && value - back <= value / 64, "{value} comes back as {back}");
        }
    }

    #[test]
    fn quantiles_are_values_that_came() {
        let (mut h, mut e) = (Histogram::default(), Exact::default());
        for v in 1..=100 {
            h.add(v);
            e.add(v * 1000);
        }
        assert_eq!((h.quantile(0.5), h.quantile(0.99), h.quantile(1.0)), (50, 99, 100));
        assert_eq!((e.quantile(0.5), e.quantile(0.99), e.quantile(1.0)), (50_000, 99_000, 100_000));
        assert_eq!(Exact::default().quantile(0.5), 0);
    }
}
