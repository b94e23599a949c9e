// SPDX-License-Identifier: Apache-2.0
//! The rules, and what is reported of those that are broken.

use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// A rule of docs/timing.md, docs/isa.md or docs/vector.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// An instruction or table that the formats do not take.
    Encoding,
    /// Rows ascend, END is last and the only one.
    RowOrder,
    /// Rows are max(words of the earlier, ROW_SPACING) apart.
    RowSpacing,
    /// A unit has finished its last instruction before the next steps.
    UnitBusy,
    /// An address lies in its memory, and in what the image fills of it.
    AddressRange,
    /// Loops inside `hold` do not move the weight address.
    HoldJump,
    /// Only a machine with WEIGHT_ZERO subtracts a zero point from weights.
    WeightZero,
    /// Weight loads are at least WEIGHT_BEATS apart.
    WeightDistance,
    /// An RRAM way rests RRAM_WAYS cycles.
    RramWay,
    /// SCRUB reads where no weight load is near: it may need any way.
    ScrubRead,
    /// A W SRAM word is written before a later vector reads it, and not overwritten before an earlier one has.
    WSram,
    /// A W SRAM word that is read was written by this run, or lies in a cache at or below POS.
    WUnwritten,
    /// Sums start before they go on, end before they start again, and do end.
    Accumulator,
    /// A final sum meets an armed POST or VECTOR.
    PostNotArmed,
    /// A final sum meets one of them only.
    BothArmed,
    /// The next POST or VECTOR starts after the last vector of the one before, and each gets all its vectors.
    PostWindow,
    /// A line of the lane engine has at least three columns, and no more than its memories.
    LaneLine,
    /// Array and lane engine hand over sums in the order in which they read X, those for POST at least POST_DISTANCE apart.
    TakeOrder,
    /// POST and VECTOR write one result in a cycle, POST at least POST_DISTANCE apart; one of 32-bit words takes four cycles.
    ResultCollision,
    /// VECTOR steps are at least VEC_DISTANCE apart.
    VectorDistance,
    /// A VECTOR of the array's sums has no gaps.
    ArrayGap,
    /// Each lane's last multiplier takes one number in a cycle.
    Multiplier,
    /// One write of V in a cycle.
    VPort,
    /// A word of V is not read in the cycle of its write.
    VReadWrite,
    /// Lanes of V that count were written in this run.
    VUnwritten,
    /// Reads and writes of a word of V are in the order of their steps.
    VOrder,
    /// One write of S in a cycle.
    SPort,
    /// A register of S stays while all groups of a step read it, and is not read while a maximum grows by groups.
    SHeld,
    /// A register of S that is read was written in this run.
    SUnwritten,
    /// Reads and writes of a register of S are in the order of their steps, and beside a reduction into it; steps of one
    /// instruction read one number.
    SOrder,
    /// A number in S is read before the next is written there.
    SUnread,
    /// Reductions start before they go on, in one register, with a sum of their own, and end.
    Reduction,
    /// One read in a sub-bank in a cycle, and one flat read in all.
    XReadPort,
    /// One write in a sub-bank in a cycle.
    XWritePort,
    /// A word is written before it is read.
    ReadUnwritten,
    /// A word is read after the results of all earlier vectors are in it.
    ReadStale,
    /// A word is not overwritten while a read of it is on its way down the rows.
    ReadTorn,
    /// One OUT write in a cycle.
    OutPort,
    /// OUT words lie in the frame, and all of the frame is written.
    OutFrame,
    /// END comes after everything.
    EndEarly,
}

impl Rule {
    /// Whether a machine runs such a program all the same, in the cycles that it says: then what it computes is not what the
    /// order of its steps means, or depends on what was there before.
    pub fn is_meaning(self) -> bool {
        use Rule::{OutFrame, ReadStale, ReadUnwritten, SOrder, SUnread, SUnwritten, VOrder, VUnwritten, WSram, WUnwritten};
        matches!(
            self,
            ReadUnwritten | ReadStale | WSram | WUnwritten | VUnwritten | VOrder | SUnwritten | SOrder | SUnread | OutFrame
        )
    }

    /// The rule in words.
    pub fn text(self) -> &'static str {
        match self {
            Rule::Encoding => "does not encode",
            Rule::RowOrder => "rows ascend and one END is last",
            Rule::RowSpacing => "rows are max(words, ROW_SPACING) apart",
            Rule::UnitBusy => "the unit has not finished its last instruction",
            Rule::AddressRange => "address outside its memory",
            Rule::HoldJump => "a loop inside hold moves the weight address",
            Rule::WeightZero => "weights have a zero point, and the machine subtracts none (WEIGHT_ZERO = 0)",
            Rule::WeightDistance => "weight loads closer than WEIGHT_BEATS",
            Rule::RramWay => "RRAM way asked again too early",
            Rule::ScrubRead => "SCRUB reads beside a weight load",
            Rule::WSram => "W SRAM word read before it is written, or after it is overwritten",
            Rule::WUnwritten => "W SRAM word read that was never written",
            Rule::Accumulator => "accumulator used out of order",
            Rule::PostNotArmed => "final sum without an armed POST or VECTOR",
            Rule::BothArmed => "final sum with POST and VECTOR armed",
            Rule::PostWindow => "starts before the last vector of the one before, or waits for vectors for ever",
            Rule::LaneLine => "a line of the lane engine is too short or too long",
            Rule::TakeOrder => "sums handed over out of order or too close",
            Rule::ResultCollision => "two results closer than they can be written",
            Rule::VectorDistance => "VECTOR steps closer than VEC_DISTANCE",
            Rule::ArrayGap => "VECTOR of the array's sums with gaps",
            Rule::Multiplier => "two numbers at the last multiplier",
            Rule::VPort => "two writes of V in one cycle",
            Rule::VReadWrite => "V word read in the cycle of its write",
            Rule::VUnwritten => "lanes of V read that were never written",
            Rule::VOrder => "V word read or written out of order",
            Rule::SPort => "two writes of S in one cycle",
            Rule::SHeld => "S register changes while a step reads it",
            Rule::SUnwritten => "S register read that was never written",
            Rule::SOrder => "S register read or written out of order",
            Rule::SUnread => "number in S that nothing reads",
            Rule::Reduction => "a reduction that does not start, go on and end in one place",
            Rule::XReadPort => "two reads of a port of X",
            Rule::XWritePort => "two writes of a port of X",
            Rule::ReadUnwritten => "X word read that was never written",
            Rule::ReadStale => "X word read before an earlier result is in it",
            Rule::ReadTorn => "X word overwritten while it is read",
            Rule::OutPort => "two OUT writes in one cycle",
            Rule::OutFrame => "OUT word outside the frame, or never written",
            Rule::EndEarly => "END before the run is over",
        }
    }
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The shortest run-time length LENC at which it happens; `None` where the program does not depend on POS.
    pub lenc: Option<u32>,
    /// Cycle of the offending access.
    pub cycle: u64,
    /// Row of the timetable.
    pub row: usize,
    /// Unit.
    pub unit: &'static str,
    /// The rule.
    pub rule: Rule,
    /// What exactly.
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(lenc) = self.lenc {
            write!(f, "LENC {lenc}, ")?;
        }
        write!(f, "cycle {}, row {} {}: {}: {}", self.cycle, self.row, self.unit, self.rule.text(), self.detail)
    }
}

/// Every violation of a program, by LENC and cycle. What a row breaks at one LENC is not named again at longer ones. Of more than [`VerifyError::KEPT`] of one rule the
/// rest is only counted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{total} violations of the timing rules:{}", lines(.violations, *.total))]
pub struct VerifyError {
    /// The violations.
    pub violations: Vec<Violation>,
    /// How many there are in all.
    pub total: usize,
}

impl VerifyError {
    /// Violations of one rule that are kept with their text.
    pub const KEPT: usize = 1000;

    /// Whether `rule` is among them.
    pub fn breaks(&self, rule: Rule) -> bool {
        self.violations.iter().any(|v| v.rule == rule)
    }
}

fn lines(violations: &[Violation], total: usize) -> String {
    let shown = 20;
    let mut text: String = violations.iter().take(shown).map(|v| format!("\n  {v}")).collect();
    if total > shown {
        text += &format!("\n  and {} more", total - shown);
    }
    text
}

#[derive(Default)]
pub(super) struct Report {
    violations: Vec<Violation>,
    counts: BTreeMap<Rule, usize>,
    lenc: Option<u32>,
    /// What rows have broken at this LENC, and at shorter ones.
    broken: BTreeSet<(Rule, usize)>,
    known: BTreeSet<(Rule, usize)>,
}

impl Report {
    /// What follows is at this LENC.
    pub(super) fn at(&mut self, lenc: Option<u32>) {
        self.lenc = lenc;
        self.known.append(&mut self.broken);
    }

    /// `detail` is only built where it is kept.
    pub(super) fn add(&mut self, rule: Rule, cycle: u64, row: usize, unit: &'static str, detail: impl FnOnce() -> String) {
        if self.known.contains(&(rule, row)) {
            return;
        }
        self.broken.insert((rule, row));
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count <= VerifyError::KEPT {
            self.violations.push(Violation { lenc: self.lenc, cycle, row, unit, rule, detail: detail() });
        }
    }

    pub(super) fn finish(mut self) -> Result<(), VerifyError> {
        if self.violations.is_empty() {
            return Ok(());
        }
        self.violations.sort_by_key(|v| (v.lenc, v.cycle, v.row, v.rule));
        Err(VerifyError { violations: self.violations, total: self.counts.values().sum() })
    }
}
