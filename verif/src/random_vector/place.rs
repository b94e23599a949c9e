// SPDX-License-Identifier: Apache-2.0
//! The row of an instruction: the first cycle in which it meets nothing, in all runs.

use super::effects::{Effects, Plan, Times};
use super::{Builder, Taker};
use rand::RngExt;
use systole_isa::nest::Nest;
use systole_isa::program::{Scalar, Vector};
use systole_isa::{Instruction, Matmul};

impl Builder {
    pub(super) fn fits(&self, plan: &Plan, e: &Effects) -> bool {
        plan.fits(e, self.config.rows.into(), self.latency.vec_distance.into(), self.latency.post_distance.into())
    }

    /// Where to look for the next first step: near what was written last where rows are close, far behind all else.
    pub(super) fn look(&mut self, reads: &[(&'static str, u32)]) -> u64 {
        if !self.tight {
            return self.drained() + self.rng.random_range(0..9);
        }
        let plan = &self.plans[0];
        let last = |times: &Times| times.last_key_value().map(|(&c, _)| c.saturating_sub(plan.shift));
        let targets: Vec<u64> = reads
            .iter()
            .filter_map(|&(what, latency)| {
                let write = if what == "V" { last(&plan.done.v_writes) } else { last(&plan.done.s_writes) };
                write?.checked_sub(latency.into())
            })
            .collect();
        if !targets.is_empty() && self.chance(0.6) {
            let target = self.pick(&targets);
            return (target + self.rng.random_range(0..4)).saturating_sub(1).max(self.cursor);
        }
        self.cursor + self.rng.random_range(0..12)
    }

    /// Places a VECTOR with source V; `false` where it meets itself everywhere.
    pub(super) fn place_vector(&mut self, v: Vector) -> bool {
        let from = self.look(&[("V", self.latency.vec_read), ("S", self.latency.vec_scalar)]);
        let words = Instruction::Vector(v.clone()).words();
        let apart = u64::from(self.latency.vec_distance);
        for first in from..from + 600 {
            let Some(row) = self.row_at(first, words) else { continue };
            let effects = |plan: &Plan| -> Option<(u64, Effects)> {
                let start = first + plan.shift;
                let nest = v.nest.at(plan.pos / self.config.cols);
                let cycles: Vec<u64> = nest.iter().map(|s| start + s.time).collect();
                if plan.vector != 0 && start < plan.vector + apart {
                    return None;
                }
                let mut e = Effects::default();
                self.vector_effects(plan, &v, &cycles, &mut e);
                self.fits(plan, &e).then(|| (start + nest.span(), e))
            };
            let Some(all) = self.plans.iter().map(effects).collect::<Option<Vec<_>>>() else { continue };
            for (plan, (last, e)) in self.plans.iter_mut().zip(all) {
                plan.vector = last;
                plan.add(e);
            }
            self.add_row(row, Instruction::Vector(v));
            self.cursor = first;
            return true;
        }
        false
    }

    pub(super) fn place_scalar(&mut self, i: Scalar) -> bool {
        let from = self.look(&[("S", self.latency.scalar_read)]);
        let words = Instruction::Scalar(i.clone()).words();
        for first in from..from + 600 {
            let Some(row) = self.row_at(first, words) else { continue };
            let effects = |plan: &Plan| -> Option<(u64, Effects)> {
                let start = first + plan.shift;
                if plan.scalar != 0 && start <= plan.scalar {
                    return None;
                }
                let mut e = Effects::default();
                self.scalar_effects(plan, &i, start, &mut e);
                self.fits(plan, &e).then(|| (start + i.nest.at(plan.pos / self.config.cols).span(), e))
            };
            let Some(all) = self.plans.iter().map(effects).collect::<Option<Vec<_>>>() else { continue };
            for (plan, (last, e)) in self.plans.iter_mut().zip(all) {
                plan.scalar = last;
                plan.add(e);
            }
            self.add_row(row, Instruction::Scalar(i));
            self.cursor = first;
            return true;
        }
        false
    }

    /// Cycles between two weight loads that are always enough, whichever ways and beats they take.
    pub(super) fn load_distance(&self) -> u64 {
        u64::from(self.config.weight_beats + self.config.rram_ways - 1)
    }

    /// Places a MATMUL with the unit that takes its sums.
    pub(super) fn place_matmul(&mut self, m: Matmul, taker: &Taker) -> bool {
        let from = self.look(&[("V", self.latency.vec_read)]);
        let from = if self.tight { from.saturating_sub(u64::from(self.latency.post_take) / 2) } else { from };
        let c = self.config.cols;
        let loads = self.load_distance();
        let matmul = Instruction::Matmul(m.clone());
        let other = match taker {
            Taker::Vector(v) => Instruction::Vector(v.clone()),
            Taker::Post(p) => Instruction::Post(p.clone()),
        };
        let apart = u64::from(self.latency.vec_distance.max(self.latency.post_distance));
        let lead = u64::from(self.latency.w_lead + self.latency.post_take);
        for first in from..from + 600 {
            let Some(row) = self.row_at(first, matmul.words()) else { continue };
            let effects = |plan: &Plan| -> Option<(Vec<u64>, Effects)> {
                let start = first + plan.shift;
                if plan.load != 0 && start < plan.load + loads || plan.matmul != 0 && start <= plan.matmul {
                    return None;
                }
                let mut e = Effects::default();
                let takes = self.matmul_effects(plan, &m, start, &mut e);
                if plan.take != 0 && *takes.first()? < plan.take + apart {
                    return None;
                }
                match taker {
                    Taker::Vector(_) if plan.vector != 0 && takes[0] < plan.vector + apart => return None,
                    Taker::Vector(v) => self.vector_effects(plan, v, &takes, &mut e),
                    Taker::Post(p) => self.post_effects(plan, p, &takes, &mut e),
                }
                self.fits(plan, &e).then_some((takes, e))
            };
            let Some(all) = self.plans.iter().map(effects).collect::<Option<Vec<_>>>() else { continue };
            // The taker is armed behind the last take, and the last step of its unit, and not behind its own first take.
            let (mut low, mut high) = (0, u64::MAX);
            for (plan, (takes, _)) in self.plans.iter().zip(&all) {
                let unit = if matches!(taker, Taker::Vector(_)) { plan.vector } else { 0 };
                low = low.max((plan.take.max(unit) + 1).saturating_sub(plan.shift));
                high = high.min(takes[0] - plan.shift);
            }
            let low = low.max(high.saturating_sub(lead + 30));
            let own = row..row + u64::from(matmul.words().max(self.latency.row_spacing));
            let armed = (low..=high).rev().find_map(|armed| {
                let at = self.row_at(armed, other.words())?;
                let busy = at..at + u64::from(other.words().max(self.latency.row_spacing));
                (busy.end <= own.start || own.end <= busy.start).then_some(at)
            });
            let Some(at) = armed else { continue };
            for (plan, (takes, e)) in self.plans.iter_mut().zip(all) {
                let start = first + plan.shift;
                let nest = m.nest.at(plan.pos / c);
                plan.matmul = start + nest.span();
                plan.load =
                    nest.iter().filter(|s| s.stepped.unwrap_or(99) as u32 >= m.hold).map(|s| start + s.time).last().unwrap_or(0);
                plan.take = takes.last().copied().unwrap_or(0);
                if matches!(taker, Taker::Vector(_)) {
                    plan.vector = plan.take;
                }
                plan.add(e);
            }
            self.add_row(row, matmul);
            self.add_row(at, other);
            self.cursor = first;
            return true;
        }
        false
    }

    /// A row behind everything, with no care for ports.
    pub(super) fn alone(&mut self, instruction: Instruction) {
        let first = self.drained().max(self.floor + 20);
        let row = first - u64::from(instruction.words() + self.latency.issue);
        let span = instruction.nest().map_or(0, Nest::span);
        self.add_row(row, instruction);
        for plan in &mut self.plans {
            plan.done.last = first + plan.shift + span + 8;
        }
        self.cursor = first + span;
    }

    pub(super) fn must(&mut self, placed: bool) {
        assert!(placed, "there is always room behind everything");
    }
}
