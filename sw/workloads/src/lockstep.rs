// SPDX-License-Identifier: Apache-2.0
//! Lockstep: every word that the RTL writes to X, W SRAM and OUT, in its cycle, against those that the instruction-level model says.
//! What differs first is named by the row of the timetable whose instruction should have written it, and by its lanes.

use serde::Serialize;
use systole_golden::Written;
use systole_isa::writes::Write;

/// The first word in which the RTL differs from the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Run, from 0.
    pub run: usize,
    /// Row of the timetable whose instruction writes it by the model; `None` of a word that only the RTL writes.
    pub row: Option<usize>,
    /// Its unit.
    pub unit: Option<&'static str>,
    /// Cycle of the run by the model, or that of the RTL.
    pub cycle: u64,
    /// The memory.
    pub place: &'static str,
    /// The word.
    pub address: u32,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Bytes differ: of each its lane, what the model writes and what the RTL writes; none where it writes the lane not.
    Lanes(Vec<(usize, Option<u8>, Option<u8>)>),
    /// The RTL writes it in another cycle.
    Cycle(u64),
    /// The RTL never writes it.
    Missing,
    /// Only the RTL writes it.
    Extra,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { run, row, unit, cycle, place, address, fault } = self;
        write!(f, "run {run}, cycle {cycle}, {place} word {address}: ")?;
        match (row, unit) {
            (Some(row), Some(unit)) => write!(f, "row {row} ({unit}) ")?,
            _ => write!(f, "no row ")?,
        }
        match fault {
            Fault::Lanes(lanes) => {
                let byte = |b: &Option<u8>| b.map_or("nothing".into(), |b| (b as i8).to_string());
                let say = |(lane, model, rtl): &(usize, Option<u8>, Option<u8>)| {
                    format!("lane {lane}: model {}, RTL {}", byte(model), byte(rtl))
                };
                let some: Vec<String> = lanes.iter().take(4).map(say).collect();
                let more = if lanes.len() > 4 { format!("; {} lanes in all", lanes.len()) } else { String::new() };
                write!(f, "writes other bytes, {}{more}", some.join("; "))
            }
            Fault::Cycle(at) => write!(f, "writes it in cycle {at} on the RTL"),
            Fault::Missing => write!(f, "writes it in the model alone"),
            Fault::Extra => write!(f, "writes it, but the RTL does"),
        }
    }
}

/// What lockstep found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lockstep {
    /// Words compared.
    pub words: usize,
    /// The first that differs.
    pub first: Option<Difference>,
}

impl Lockstep {
    /// Whether every word is the model's, in its cycle, and there were some.
    pub fn is_good(&self) -> bool {
        self.words > 0 && self.first.is_none()
    }
}

impl std::fmt::Display for Lockstep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.first {
            None => write!(f, "{} words written as the model says, in its cycles", self.words),
            Some(first) => write!(f, "the first write that differs, behind {} that do not: {first}", self.words),
        }
    }
}

/// Compares the words of a run.
pub fn compare(run: usize, model: &[Written], rtl: &[Write], cols: usize) -> Lockstep {
    let key = |w: &Write| (w.cycle, w.place, w.address);
    let mut rtl: Vec<&Write> = rtl.iter().collect();
    rtl.sort_by_key(|w| key(w));
    let (mut m, mut r) = (0, 0);
    while m < model.len() || r < rtl.len() {
        let (ours, theirs) = (model.get(m), rtl.get(r).copied());
        let of_model = |w: &Written, fault| Difference {
            run,
            row: Some(w.row),
            unit: Some(w.unit),
            cycle: w.write.cycle,
            place: w.write.place.name(),
            address: w.write.address,
            fault,
        };
        let first = match (ours, theirs) {
            (Some(w), Some(t)) if key(&w.write) == key(t) => {
                let lanes: Vec<_> = (0..cols).map(|l| (l, w.write.lane(l), t.lane(l))).filter(|l| l.1 != l.2).collect();
                if lanes.is_empty() {
                    (m, r) = (m + 1, r + 1);
                    continue;
                }
                of_model(w, Fault::Lanes(lanes))
            }
            (Some(w), t) if t.is_none_or(|t| key(&w.write) < key(t)) => {
                let late = rtl[r..].iter().find(|t| (t.place, t.address) == (w.write.place, w.write.address));
                of_model(w, late.map_or(Fault::Missing, |t| Fault::Cycle(t.cycle)))
            }
            (_, Some(t)) => {
                // Early, or of no row at all.
                let due = model[m..].iter().find(|w| (w.write.place, w.write.address) == (t.place, t.address));
                due.map_or_else(
                    || Difference {
                        run,
                        row: None,
                        unit: None,
                        cycle: t.cycle,
                        place: t.place.name(),
                        address: t.address,
                        fault: Fault::Extra,
                    },
                    |w| of_model(w, Fault::Cycle(t.cycle)),
                )
            }
            _ => break,
        };
        return Lockstep { words: m, first: Some(first) };
    }
    Lockstep { words: m, first: None }
}
