// SPDX-License-Identifier: Apache-2.0
//! The machine's clock: cycles since it was switched on, paced against the host's time.
//!
//! A simulated machine is slower than its silicon. So a microsecond of the machine is `pace` microseconds of the host, and where the
//! simulation is late even so the clock waits for it: it does not pass the end of a run whose result is not there.

use std::time::{Duration, Instant};

/// How cycles become time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The machine's clock, MHz.
    pub mhz: f64,
    /// Microseconds of the host for one of the machine.
    pub pace: f64,
}

impl Rate {
    /// Microseconds on the machine's clock.
    pub fn micros(&self, cycles: u64) -> f64 {
        cycles as f64 / self.mhz
    }

    /// Cycles in so many microseconds of the machine's clock, whole ones.
    pub fn cycles(&self, micros: f64) -> u64 {
        (micros * self.mhz + 1e-6) as u64
    }

    /// What cycles take on the host.
    pub fn host(&self, cycles: u64) -> Duration {
        Duration::from_secs_f64((self.micros(cycles) * self.pace / 1e6).min(1e9))
    }
}

/// Time goes on with the host's, from an anchor.
#[derive(Debug)]
pub struct Clock {
    rate: Rate,
    cycles: f64,
    at: Instant,
    held: Duration,
}

impl Clock {
    /// A clock at 0.
    pub fn new(rate: Rate, at: Instant) -> Clock {
        Clock { rate, cycles: 0.0, at, held: Duration::ZERO }
    }

    /// How cycles become time.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    fn raw(&self, at: Instant) -> f64 {
        let micros = at.saturating_duration_since(self.at).as_secs_f64() * 1e6;
        self.cycles + micros / self.rate.pace * self.rate.mhz
    }

    /// The cycle, which is never beyond `cap`: the end of the first run whose result is not there.
    pub fn now(&self, at: Instant, cap: Option<u64>) -> u64 {
        (self.raw(at) as u64).min(cap.unwrap_or(u64::MAX))
    }

    /// The next cycle that begins, within the same bound: what comes now is not launched before.
    pub fn next(&self, at: Instant, cap: Option<u64>) -> u64 {
        (self.raw(at).ceil() as u64).min(cap.unwrap_or(u64::MAX))
    }

    /// The result that `cap` stood for is there: where the clock waited for it, it goes on from there.
    pub fn release(&mut self, at: Instant, cap: u64) {
        let raw = self.raw(at);
        if raw > cap as f64 {
            self.held += Duration::from_secs_f64((raw - cap as f64) / self.rate.mhz * self.rate.pace / 1e6);
            (self.cycles, self.at) = (cap as f64, at);
        }
    }

    /// How long it waited for the machine's simulation, in the host's time.
    pub fn held(&self) -> Duration {
        self.held
    }

    /// The host's time until the clock is at `cycle`, if nothing holds it.
    pub fn until(&self, at: Instant, cycle: u64) -> Duration {
        let left = cycle as f64 - self.raw(at);
        if left <= 0.0 { Duration::ZERO } else { Duration::from_secs_f64((left / self.rate.mhz * self.rate.pace / 1e6).min(1e9)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_paced_and_waits_for_a_late_result() {
        let begin = Instant::now();
        let after = |us: u64| begin + Duration::from_micros(us);
        let mut clock = Clock::new(Rate { mhz: 100.0, pace: 50.0 }, begin);
        assert_eq!(clock.now(after(100), None), 200); // 2 us of the machine
        assert_eq!(clock.now(after(100), Some(84)), 84);
        clock.release(after(100), 84);
        assert_eq!(clock.now(after(100), None), 84);
        assert_eq!(clock.held(), Duration::from_micros(58)); // 1.16 us of the machine
        assert_eq!(clock.now(after(150), None), 184);
        clock.release(after(150), 500); // not late: nothing happens
        assert_eq!(clock.now(after(150), None), 184);
        assert_eq!((clock.now(after(101), None), clock.next(after(101), None)), (86, 86));
        clock.rate.pace = 250.0;
        assert_eq!((clock.now(after(103), None), clock.next(after(103), None), clock.next(after(103), Some(85))), (85, 86, 85));
        clock.rate.pace = 50.0;
        assert_eq!(clock.until(after(150), 284), Duration::from_micros(50));
    }
}
