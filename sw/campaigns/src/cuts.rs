// SPDX-License-Identifier: Apache-2.0
//! Power cuts in an image update (P5) at the speed of the model: the controller's program on its engine, over cells that
//! tear. An update is run once; at each of its pulses the cells are cut in every way, a controller wakes behind them, and
//! they are put back as they were. Between two pulses nothing changes a cell: one cut stands for every instruction there.

use super::power::{Updates, changed, machine, work};
use anyhow::{Result, anyhow};
use harness::Stream;
use serde::{Serialize, Serializer};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use systole_backends::rram_engine::rom;
use systole_backends::rram_hands::Programmed;
use systole_backends::rram_model::Reads;
use systole_chip::device::{Corner, Device, Kept, Pulse, Torn};
use systole_isa::Config;
use systole_isa::ecc::Ecc;
use systole_isa::rram::{Layout, Record, slot_bytes};
use systole_isa::rram_engine::{Line, program};

const TORN: [Torn; 4] = [Torn::Random, Torn::Marginal, Torn::Old, Torn::New];
/// Updates that a part sees.
const UPDATES: u32 = 6;
const MOST_STEPS: usize = 1_000_000;
/// Where in a record, which lies at the beginning of the engine's memory, the CRC of the table's copy is.
const TABLE_CRC: usize = 14;

/// What came of the cuts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ModelCuts {
    /// Cuts, each with a wake behind it.
    pub cuts: u64,
    /// Of these, in a pulse.
    pub in_pulse: u64,
    /// Instructions before which power went; those between two pulses share a cut.
    pub instructions: u64,
    /// Second cuts, in a pulse of the recovery.
    pub second: u64,
    /// Recoveries that wrote a weak record again.
    pub rewritten: u64,
    /// Old image awake afterwards.
    pub old: u64,
    /// New image awake afterwards.
    pub new: u64,
    /// Updates that were run.
    pub updates: u64,
    /// Of these, refused by the controller for the sake of stuck cells.
    pub refused: u64,
    /// Parts.
    pub parts: u64,
    /// Parts whose image was lost to age or stuck cells, without a cut; the next part takes their place.
    pub lost: u64,
    /// Addresses of the program that were at work when power went.
    #[serde(serialize_with = "length")]
    pub addresses: BTreeSet<u32>,
    /// What should not have been: empty.
    pub violations: Vec<String>,
}

fn length<S: Serializer>(set: &BTreeSet<u32>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(set.len() as u64)
}

impl ModelCuts {
    /// Counts another campaign's cuts.
    pub fn merge(&mut self, other: ModelCuts) {
        self.cuts += other.cuts;
        self.in_pulse += other.in_pulse;
        self.instructions += other.instructions;
        self.second += other.second;
        self.rewritten += other.rewritten;
        self.old += other.old;
        self.new += other.new;
        self.updates += other.updates;
        self.refused += other.refused;
        self.parts += other.parts;
        self.lost += other.lost;
        self.addresses.extend(other.addresses);
        self.violations.extend(other.violations);
    }
}

/// An image as it lies in a slot.
struct Written {
    bytes: Vec<u8>,
    record: Record,
}

/// An image by its number, and the epoch of its commit.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Known {
    image: usize,
    epoch: u32,
}

impl Known {
    /// It is that one, though its record may have been written anew meanwhile, for which its epoch rises by two each time.
    fn is(self, other: Known) -> bool {
        self.image == other.image && self.epoch.checked_sub(other.epoch).is_some_and(|n| n.is_multiple_of(2))
    }
}

/// What a wake came to.
struct Woke {
    image: Result<Known, String>,
    weak: bool,
}

/// A sub-word that a pulse is about to change: row, address, and what it was.
type Undo = (u32, u32, Kept);

/// The power that fails, and who looks at what wakes.
struct Cutter {
    config: Config,
    rom: Vec<(u32, u32)>,
    images: Vec<Written>,
    updates: Updates,
    random: Stream,
    out: ModelCuts,
    limit: u64,
    old: Known,
    new: Known,
    healthy: bool, // no cell is stuck
    pc: u32,
    waiting: Vec<u32>, // addresses since the last pulse
    executed: BTreeSet<u32>,
    pulses: u64,           // of this update
    at_record: bool,       // the last one was in a place of a record
    spare: Option<Device>, // stands in for cells that are elsewhere
    reads: Reads,
    kept: Option<(Device, Known)>,
    violations_before: usize,
}

impl Cutter {
    fn boot(&self, device: Device) -> Programmed {
        Programmed::with(&self.config, device, self.rom.clone())
    }

    /// A controller wakes behind the cells; with a cut, power goes in that pulse of it. What its pulses changed comes back.
    fn wake(&mut self, device: &mut Device, cut: Option<(usize, Torn)>) -> (Woke, Vec<Undo>) {
        let Some(spare) = self.spare.take() else { unreachable!("the spare comes back with every wake") };
        let mut p = self.boot(std::mem::replace(device, spare));
        let seen = Rc::new(RefCell::new((vec![], false)));
        let (shared, reads) = (seen.clone(), self.reads.clone());
        p.parts.cells.reads = Some(self.reads.clone());
        p.parts.cells.before_pulse = Some(Box::new(move |device: &mut Device, row, address, pulse: &mut Pulse| {
            let (kept, dead) = &mut *shared.borrow_mut();
            if *dead {
                return false;
            }
            kept.push((row, address, device.keep(row, address)));
            reads.forget(row, address);
            if let Some((_, torn)) = cut.filter(|c| kept.len() == c.0 + 1) {
                (*dead, device.torn, pulse.cut) = (true, torn, true);
            }
            true
        }));
        let mut stopped = None;
        let mut steps = 0;
        while stopped.is_none() && !p.engine.takes() && !seen.borrow().1 {
            stopped = p.step().err().map(|fault| format!("the engine stopped: {fault:?}"));
            steps += 1;
            if steps == MOST_STEPS {
                stopped = Some("the wake does not end".into());
            }
        }
        let image = stopped.map_or_else(|| self.awake(&p), Err);
        let woke = Woke { image, weak: p.parts.output("SEEN") & 2 == 2 };
        let spare = std::mem::replace(device, p.parts.cells.device);
        self.spare = Some(spare);
        let kept = std::mem::take(&mut seen.borrow_mut().0);
        (woke, kept)
    }

    /// Puts back what pulses changed, the last one first.
    fn undo(&self, device: &mut Device, undo: Vec<Undo>) {
        for (row, address, kept) in undo.into_iter().rev() {
            device.put_back(kept);
            self.reads.forget(row, address);
        }
    }

    /// Which image is awake: all its bytes went by, with the CRC of its record, and the copy of its line table is the one
    /// that the record was made with.
    fn awake(&self, p: &Programmed) -> Result<Known, String> {
        if p.parts.output("READY") != 1 {
            return Err("nothing woke".into());
        }
        let (crc, epoch, bytes) = (p.parts.output("IMAGE_CRC"), p.parts.output("EPOCH"), p.parts.bytes());
        let image = self.images.iter().position(|i| i.record.image_crc == crc && i.bytes == bytes);
        let image = image.ok_or(format!("what woke (CRC {crc:08x}, {} bytes) is no image", bytes.len()))?;
        if crc32fast::hash(bytes) != crc {
            return Err(format!("CRC of the bytes of image {image}"));
        }
        let known = Known { image, epoch };
        if !known.is(self.old) {
            let (cells, layout) = (&p.parts.cells, *p.parts.cells.layout());
            let first = layout.table(p.parts.output("RUN_SLOT"));
            let mut table = vec![];
            for line in first..first + layout.table_lines {
                (0..self.config.rows).for_each(|row| table.extend(cells.word(row, line, 0, line).0));
            }
            let end = table.len() - 4; // its own CRC, as 0
            let own = table.split_off(end);
            table.extend([0; 4]);
            let crc = crc32fast::hash(&table);
            // Where the record is written a torn one may lie, of the same image: the new record's first words can make that
            // whole for a moment. Its flags and this CRC are those of the update before; the copy's own are right.
            let own = u32::from_le_bytes(std::array::from_fn(|i| own[i]));
            if crc != own || (crc != p.engine.memory[TABLE_CRC] && !self.at_record) {
                return Err(format!("image {image} woke without its line table"));
            }
        }
        Ok(known)
    }

    fn violation(&mut self, what: &str, why: &str) {
        let (update, pulse, pc) = (self.out.updates, self.pulses, self.pc);
        self.out
            .violations
            .push(format!("part {}, update {update}, pulse {pulse}, address {pc:#x}, {what}: {why}", self.out.parts));
    }

    /// Power comes back: either image must wake, then and at the next time. The cells are left as before.
    fn recover(&mut self, device: &mut Device, what: &str) -> Option<Known> {
        self.out.cuts += 1;
        let (mut undo, mut what, mut seconds) = (vec![], what.to_owned(), 0);
        let woke = loop {
            let (woke, kept) = self.wake(device, None);
            self.out.rewritten += u64::from(!kept.is_empty());
            if kept.is_empty() || seconds == 3 || !self.random.chance(0.25) {
                undo.extend(kept);
                break woke;
            }
            let cut = (self.random.below(kept.len() as u64) as usize, TORN[self.random.below(4) as usize]);
            self.undo(device, kept);
            undo.extend(self.wake(device, Some(cut)).1);
            (self.out.second, seconds) = (self.out.second + 1, seconds + 1);
            what = format!("{what}, again in pulse {} of the wake ({:?})", cut.0, cut.1);
        };
        let found = match woke.image {
            Ok(known) if known.is(self.new) => {
                self.out.new += 1;
                Some(known)
            }
            Ok(known) if known.is(self.old) => {
                self.out.old += 1;
                Some(known)
            }
            Ok(known) => {
                self.violation(&what, &format!("{known:?} woke, neither {:?} nor {:?}", self.old, self.new));
                None
            }
            Err(why) => {
                self.violation(&what, &why);
                None
            }
        };
        if found.is_some() && (woke.weak || self.random.chance(1.0 / 16.0)) {
            let (again, kept) = self.wake(device, None);
            undo.extend(kept);
            if !matches!((&again.image, found), (Ok(a), Some(f)) if a.is(f)) {
                self.violation(&what, &format!("{found:?} woke, at the next time {:?}", again.image));
            } else if again.weak && self.healthy {
                self.violation(&what, "the record is weak at the next time too");
            }
        }
        if let Some(known) = found.filter(|_| self.random.chance(0.01)) {
            self.kept = Some((device.clone(), known));
        }
        self.undo(device, undo);
        found
    }

    /// Power goes between two pulses, before each of the instructions there.
    fn between(&mut self, device: &mut Device) -> Option<Known> {
        let found = self.recover(device, "between pulses");
        self.out.instructions += self.waiting.len() as u64;
        self.out.addresses.extend(self.waiting.drain(..));
        found
    }

    /// Power goes before a pulse, and in it.
    fn pulse(&mut self, device: &mut Device, row: u32, address: u32, pulse: Pulse) {
        self.pulses += 1;
        let layout = Layout::of(&self.config);
        self.at_record = address / self.config.weight_beats % layout.half >= layout.slot_lines + layout.table_lines;
        if !self.full() {
            self.between(device);
        }
        for torn in TORN {
            // Also when the pulse itself comes.
            self.reads.forget(row, address);
            if self.full() {
                continue;
            }
            let kept = device.keep(row, address);
            device.torn = torn;
            device.pulse(row, address, Pulse { cut: true, ..pulse });
            self.recover(
                device,
                &format!("cut in {} of row {row}, {address} ({torn:?})", if pulse.reset { "RESET" } else { "SET" }),
            );
            self.out.in_pulse += 1;
            device.put_back(kept);
        }
        self.reads.forget(row, address);
    }

    /// One cut is left for the end of the update.
    fn full(&self) -> bool {
        self.out.cuts + 1 >= self.limit || self.out.violations.len() > 5 + self.violations_before
    }
}

/// The code of ERROR where a slot does not hold the image of its record.
const RRAM_CRC: u32 = 11;

/// Writes an image and commits it; the code of ERROR. Where the slot is thought to hold another image, only lines that differ
/// from that are written, and all of them where the commit finds that it held something else.
fn update(p: &mut Programmed, image: &Written, slot: u32, held: Option<&[u8]>) -> Result<u32> {
    let layout = *p.parts.cells.layout();
    let line_bytes = layout.line_bytes as usize;
    let stopped = |fault| anyhow!("the engine stopped in an update: {fault:?}");
    for (n, line) in image.bytes.chunks(line_bytes).enumerate() {
        if held.is_some_and(|held| held[n * line_bytes..][..line.len()] == *line) {
            continue;
        }
        let error = p.write_line(slot * layout.half + n as u32, line).map_err(stopped)?;
        if error != 0 {
            return Ok(error);
        }
    }
    match p.commit(slot, &image.record).map_err(stopped)? {
        RRAM_CRC if held.is_some() => update(p, image, slot, None),
        error => Ok(error),
    }
}

/// Cuts power `count` times in updates of parts of which the first has the number `first`.
///
/// # Errors
/// Images that do not compile; an engine that stops without a cut.
pub fn run(updates: Updates, ecc: Ecc, first: u64, count: u64, seed: u64) -> Result<ModelCuts> {
    run_program(&program()?, updates, ecc, first, count, seed)
}

/// As [`run`], with another program.
///
/// # Errors
/// As [`run`].
pub fn run_program(lines: &[Line], updates: Updates, ecc: Ecc, first: u64, count: u64, seed: u64) -> Result<ModelCuts> {
    let config = machine(ecc);
    let (mut random, mut last) = (Stream::new(seed, "rows"), None);
    let images = (0..4).map(|n| {
        let work = match (updates, last.take()) {
            (Updates::Rows, Some(old)) => changed(&old, &config, &mut random)?,
            _ => work(&config, seed % 1000 * 4 + n)?,
        };
        let (bytes, record) = slot_bytes(&work.image, &config);
        last = Some(work);
        Ok(Written { bytes, record })
    });
    let nobody = Known { image: 0, epoch: 0 };
    let cutter = Rc::new(RefCell::new(Cutter {
        rom: rom(lines),
        images: images.collect::<Result<Vec<_>>>()?,
        updates,
        random: Stream::new(seed ^ first << 20, "cuts"),
        out: ModelCuts::default(),
        limit: count,
        old: nobody,
        new: nobody,
        healthy: true,
        pc: 0,
        waiting: vec![],
        executed: BTreeSet::new(),
        pulses: 0,
        at_record: false,
        spare: Some(Device::new(&config, Corner { stuck: 0.0, ..Corner::typ22() }, 1)),
        reads: Reads::new(&config),
        kept: None,
        violations_before: 0,
        config,
    }));
    while cutter.borrow().out.cuts < count && cutter.borrow().out.violations.len() <= 5 {
        let n = first + cutter.borrow().out.parts;
        part(&cutter, n, seed)?;
    }
    let mut cutter = cutter.borrow_mut();
    let missed: Vec<u32> = cutter.executed.difference(&cutter.out.addresses).copied().collect();
    if !missed.is_empty() && cutter.out.violations.is_empty() {
        cutter.out.violations.push(format!("power never went before addresses {missed:x?}"));
    }
    Ok(std::mem::take(&mut cutter.out))
}

/// A part of the campaign: one image after the other.
fn part(shared: &Rc<RefCell<Cutter>>, n: u64, seed: u64) -> Result<()> {
    let mut p = {
        let mut c = shared.borrow_mut();
        c.out.parts += 1;
        // Without stuck cells, with some in ten parts, with ten in a part.
        let stuck = [0.0, 1e-5, 3e-4][(n % 3) as usize];
        let device = Device::new(&c.config, Corner { stuck, ..Corner::typ22() }, seed.wrapping_mul(1_000_003) + n);
        c.healthy = stuck == 0.0;
        c.boot(device)
    };
    let settle = |p: &mut Programmed| p.settle().map_err(|fault| anyhow!("the engine stopped in a wake: {fault:?}"));
    settle(&mut p)?;
    if update(&mut p, &shared.borrow().images[(n % 4) as usize], 0, None)? != 0 {
        shared.borrow_mut().out.lost += 1;
        return Ok(());
    }
    let mut current = Known { image: (n % 4) as usize, epoch: 1 };
    let mut holds = [Some(current.image), None]; // what each slot was last committed with, whatever a cut made of it
    for _ in 0..UPDATES {
        // What happens between updates: time, a scrub, worn lines, power.
        let mut c = shared.borrow_mut();
        if c.random.chance(0.5) {
            let seconds = 10f64.powi(c.random.below(9) as i32);
            p.parts.cells.device.age(seconds, 85.0);
        }
        if c.random.chance(0.25) {
            p.request(4).map_err(|fault| anyhow!("the engine stopped in a scrub: {fault:?}"))?;
        }
        if c.random.chance(0.5) {
            p = c.boot(p.parts.cells.device);
            settle(&mut p)?;
        }
        // The image is alive; whether its record is weak is seen from what a wake would do.
        current.epoch = p.parts.output("EPOCH");
        c.old = current;
        c.reads.forget_all();
        let (woke, undo) = c.wake(&mut p.parts.cells.device, None);
        c.undo(&mut p.parts.cells.device, undo);
        if !woke.image.is_ok_and(|k| k.is(current)) {
            c.out.lost += 1;
            return Ok(());
        }
        let slot = 1 - (p.parts.output("NEWEST") & 1);
        if p.has_table(slot) && c.random.chance(0.5) {
            let wear = 120 + c.random.below(500) as u16;
            p.parts.cells.wear_out(slot, |l| wear / (1 + l as u16 % 7) * (1 - l as u16 % 2));
        }
        let image = (current.image + 1 + c.random.below(3) as usize) % 4;
        c.new = Known { image, epoch: current.epoch + 1 };
        (c.pulses, c.at_record, c.kept) = (0, false, None);
        c.violations_before = c.out.violations.len();
        c.out.updates += 1;
        drop(c);
        let (at_pulse, at_pc) = (shared.clone(), shared.clone());
        p.parts.cells.before_pulse = Some(Box::new(move |device: &mut Device, row, address, pulse: &mut Pulse| {
            at_pulse.borrow_mut().pulse(device, row, address, *pulse);
            true
        }));
        p.at = Some(Box::new(move |pc| {
            let mut c = at_pc.borrow_mut();
            c.pc = pc;
            c.waiting.push(pc);
            c.executed.insert(pc);
        }));
        let written = {
            let c = shared.borrow();
            Written { bytes: c.images[image].bytes.clone(), record: c.images[image].record }
        };
        let held = {
            let c = shared.borrow();
            let known = holds[slot as usize].filter(|_| c.updates == Updates::Rows);
            known.map(|image| c.images[image].bytes.clone())
        };
        let error = update(&mut p, &written, slot, held.as_deref())?;
        if error == 0 {
            holds[slot as usize] = Some(image);
        }
        (p.parts.cells.before_pulse, p.at) = (None, None);
        let mut c = shared.borrow_mut();
        let found = c.between(&mut p.parts.cells.device);
        if error == 0 && !found.is_some_and(|f| f.is(c.new)) {
            let why = format!("{found:?} is awake, not the new image");
            c.violation("the update is whole", &why);
        }
        c.out.refused += u64::from(error != 0);
        if c.full() {
            return Ok(());
        }
        // The part goes on from the end of the update, or from one of its cuts.
        let cut = c.kept.take().filter(|_| error != 0 || c.random.chance(0.5));
        if cut.is_some() || error != 0 {
            p = c.boot(cut.map_or(p.parts.cells.device, |k| k.0));
            settle(&mut p)?;
            match c.awake(&p) {
                Ok(known) if known.is(c.new) || known.is(c.old) => current = known,
                other => {
                    let why = format!("{other:?}");
                    c.violation("after all", &why);
                    return Ok(());
                }
            }
        } else {
            current = c.new;
        }
    }
    Ok(())
}
