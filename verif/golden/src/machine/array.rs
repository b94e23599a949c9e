// SPDX-License-Identifier: Apache-2.0
//! The array in a run: MATMUL multiplies words of X with words of weights into accumulators.

use super::load::Started;
use super::run::{Run, VECTORS, W_RRAM, W_SRAM};
use super::walk::Walk;
use super::{Machine, rule};
use crate::{MachineError, kernel};
use systole_isa::Matmul;
use systole_isa::program::{OneHot, Register};
use wide::i16x8;

/// The weight word that steps share.
pub(super) enum Held {
    None,
    /// In RRAM, from this vector on.
    Rram(usize),
    /// From W SRAM, or less a zero point.
    Own(Vec<i16x8>),
}

impl Machine {
    /// MATMUL steps, alone until another unit has an effect: in cycle `others`, or behind what its own sums start.
    pub(super) fn matmul_steps(
        &mut self,
        run: &mut Run,
        index: usize,
        walk: &mut Walk,
        held: &mut Held,
        others: u64,
    ) -> Result<(), MachineError> {
        let lead = u64::from(self.latency.w_lead);
        loop {
            self.matmul_step(run, index, walk, held)?;
            walk.step();
            let mut started = run.flying.front().map_or(u64::MAX, |f| f.at);
            if let Some(v) = &run.vector {
                started = started.min(v.next(&self.latency).0);
            }
            if walk.done || walk.time + lead > others.min(started) || walk.time + lead >= run.l.end {
                return Ok(());
            }
        }
    }

    /// A step: perhaps another weight word, the products of a vector, perhaps a final sum.
    #[inline]
    fn matmul_step(&mut self, run: &mut Run, index: usize, walk: &Walk, held: &mut Held) -> Result<(), MachineError> {
        let s = &run.l.matmuls[index];
        let (i, cycle) = (&s.what, walk.time);
        let (r, c) = (self.config.rows as usize, self.config.cols as usize);
        if walk.stepped as u32 >= i.hold {
            *held = self.weight_word(run, s, walk)?;
        }
        let weights: &[i16x8] = match held {
            Held::Rram(at) => &run.l.weights[*at..*at + kernel::tile_vectors(r, c)],
            Held::Own(words) => words,
            Held::None => return rule(cycle, s.row, "MATMUL", "no weight word was loaded"),
        };
        let padded =
            i.pad.is_some_and(|p| !(0..p.y_size as i32).contains(&walk.at[3]) || !(0..p.x_size as i32).contains(&walk.at[4]));
        let mut pad_row;
        let x: &[i8] = if padded {
            pad_row = [i.pad.map_or(0, |p| p.value); 64];
            &pad_row[..r]
        } else if let Some(hot) = i.one_hot {
            pad_row = [0; 64];
            pad_row[self.entry(hot) as usize % r] = hot.value;
            &pad_row[..r]
        } else {
            let at = walk.at[0] as u32 as usize % self.config.x_depth as usize;
            &self.x[at * r..][..r]
        };
        let at = walk.at[2] as u32 as usize % self.config.acc_depth as usize;
        let acc = &mut self.acc[at * c..][..c];
        if i.first && walk.all(i.reduce, false) {
            acc.fill(0);
        }
        (self.kernel)(acc, x, weights);
        run.events[VECTORS] += 1;
        if i.last && walk.all(i.reduce, true) {
            let sums: [i32; 32] = std::array::from_fn(|i| self.acc.get(at * c + i).copied().unwrap_or(0));
            let take = cycle + u64::from(self.latency.w_lead + self.latency.post_take);
            self.take(run, s.row, &sums, take)?;
        }
        Ok(())
    }

    /// The weight word of a step that loads one.
    #[inline]
    fn weight_word(&self, run: &mut Run, s: &Started<Matmul>, walk: &Walk) -> Result<Held, MachineError> {
        let i = &s.what;
        let (r, c) = (self.config.rows as usize, self.config.cols as usize);
        let (tile, vectors) = (r * c, kernel::tile_vectors(r, c));
        run.events[if i.w_sram { W_SRAM } else { W_RRAM }] += 1;
        let further = i.one_hot.map_or(0, |hot| self.entry(hot) / self.config.rows);
        let at = ((walk.at[1] as u32).wrapping_add(further) & 0xffff) as usize;
        if i.w_sram {
            let at = at % self.config.w_sram_depth as usize;
            let word = kernel::pack(&self.w_sram[at * tile..][..tile], r, c);
            return Ok(Held::Own(if i.w_zero == 0 { word } else { kernel::less(&word, i.w_zero) }));
        }
        let Some(word) = run.l.weights.get(at * vectors..(at + 1) * vectors) else {
            let text = format!("weight word {at} is beyond the image's {}", run.l.weights.len() / vectors);
            return rule(walk.time, s.row, "MATMUL", text);
        };
        Ok(match i.w_zero {
            0 => Held::Rram(at * vectors),
            zero => Held::Own(kernel::less(word, zero)),
        })
    }

    /// The entry of a table that a one-hot vector picks.
    fn entry(&self, hot: OneHot) -> u32 {
        match hot.register {
            Register::Pos => (self.numbers.pos + u32::from(hot.row)) & 0xffff,
            Register::Tok => self.numbers.tokens[usize::from(hot.row)],
        }
    }
}
