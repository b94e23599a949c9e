// SPDX-License-Identifier: Apache-2.0
//! The AXI4-Lite register map.

/// What software may do with a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only: a write answers SLVERR.
    Ro,
    /// Read and write.
    Rw,
    /// Write one to clear.
    W1c,
    /// A write of one acts; reads zero.
    W1s,
}

/// A 32-bit register.
#[derive(Debug, Clone, Copy)]
pub struct Reg {
    /// Name in upper snake case.
    pub name: &'static str,
    /// Byte offset.
    pub offset: u32,
    /// Access.
    pub access: Access,
    /// Meaning and unit.
    pub doc: &'static str,
}

const fn r(name: &'static str, offset: u32, access: Access, doc: &'static str) -> Reg {
    Reg { name, offset, access, doc }
}

use crate::program::CHUNK;
use Access::{Ro, Rw, W1c, W1s};

/// Value of the register `ID`: "SYST" in ASCII.
pub const ID_VALUE: u32 = 0x5359_5354;

/// Bytes of the register space; an access at or above it, or to a hole, answers SLVERR.
pub const SPACE: u32 = 0x200;

/// The register map, by offset.
pub const REGS: [Reg; 81] = [
    r("ID", 0x00, Ro, "\"SYST\" in ASCII"),
    r("FINGERPRINT", 0x04, Ro, "fingerprint of the ISA tables the hardware was made from"),
    r(
        "CONFIG",
        0x08,
        Ro,
        "number of the named configuration, 255: of none; bits 15:8: WEIGHT_BEATS; 19:16: ECC; 20: RRAM_CTRL; 21: RESIDUAL; 22: EVENTS; 23: PRODUCT; 30:24: POST_LANES; 31: WEIGHT_ZERO",
    ),
    r("GEOMETRY", 0x0c, Ro, "bits 7:0 ROWS, 15:8 COLS, 23:16 X_BANKS, 31:24 RRAM_WAYS"),
    r("X_DEPTH", 0x10, Ro, "words of an activation bank"),
    r("W_SRAM_DEPTH", 0x14, Ro, "words of run-time weight SRAM in a row"),
    r("RRAM_DEPTH", 0x18, Ro, "words of RRAM in a row"),
    r("ACC_DEPTH", 0x1c, Ro, "words of an accumulator lane"),
    r("PARAM_DEPTH", 0x20, Ro, "parameter words"),
    r("LUT_COUNT", 0x24, Ro, "lookup tables"),
    r("IN_DEPTH", 0x28, Ro, "words of one IN buffer"),
    r("OUT_DEPTH", 0x2c, Ro, "words of one OUT buffer"),
    r("TIMETABLE_DEPTH", 0x30, Ro, "rows of the timetable"),
    r("DESC_DEPTH", 0x34, Ro, "128-bit words of descriptor memory"),
    r("LATENCY", 0x38, Ro, "L: X read at row 0 to the dependent word readable in X, in cycles"),
    r(
        "LANE",
        0x3c,
        Ro,
        "lane engine: bits 11:0 tap words, 23:12 columns of a line, 31:24 multipliers in a lane (0: there is none)",
    ),
    r(
        "START",
        0x40,
        W1s,
        "bit 0: start a run; one more may be queued. bit 1: abandon a pending start, a queued start and received input",
    ),
    r("STATUS", 0x44, Ro, "see the table of STATUS bits"),
    r("ERROR", 0x48, Ro, "code of the first error since it was cleared; see the table of error codes"),
    r("IN_BYTES", 0x4c, Rw, "bytes of an input frame; 0: the program has no input"),
    r("OUT_BYTES", 0x50, Rw, "bytes of an output frame; 0: the program has no output"),
    r("START_LIMIT", 0x54, Rw, "cycles a start may stay pending before it ends in START_LIMIT; 0: for ever"),
    r("CYCLES_LO", 0x58, Ro, "cycles of the last run, launch to DONE, low word; reading it latches CYCLES_HI"),
    r("CYCLES_HI", 0x5c, Ro, "cycles of the last run, high word"),
    r("RUNS", 0x60, Ro, "runs ended"),
    r("IRQ_STATUS", 0x64, W1c, "interrupt causes; level, write one to clear"),
    r("IRQ_ENABLE", 0x68, Rw, "a cause raises the interrupt where its bit is one"),
    r("EVENT_FRAMES_IN", 0x6c, Ro, "input frames accepted"),
    r("EVENT_FRAMES_OUT", 0x70, Ro, "output frames sent"),
    r("EVENT_FRAMES_DROPPED", 0x74, Ro, "input frames dropped for their length"),
    r(
        "EVENT_MACS_LO",
        0x78,
        Ro,
        "vectors issued to the array since reset, low word; reading it latches EVENT_MACS_HI. Times R x C: multiplications",
    ),
    r("EVENT_MACS_HI", 0x7c, Ro, "vectors issued, high word"),
    r(
        "UPLOAD_TARGET",
        0x80,
        Rw,
        "where the image stream goes: 0 timetable, 1 descriptors, 2 parameters, 3 lookup tables, 4 RRAM, 5 taps, 6 record. Outside of a run, a value but 4 and 6 takes READY from the image that is awake",
    ),
    r("UPLOAD_ADDRESS", 0x84, Rw, "next word of the target; advances with the stream, 0 behind a write of UPLOAD_TARGET"),
    r("UPLOAD_COUNT", 0x88, Ro, "beats taken from the image stream since UPLOAD_TARGET was written"),
    r("SCRATCH", 0x8c, Rw, "holds what is written; for bring-up"),
    r("SEQ_ROW", 0x90, Ro, "row of the timetable that is next"),
    r("SEQ_CYCLE", 0x94, Ro, "cycle counter of the run, low word; it counts on between runs"),
    r("ERROR_CLEAR", 0x98, W1s, "bit 0: clear ERROR and POISON"),
    r(
        "RRAM_COMMAND",
        0x9c,
        W1s,
        "1 wake: choose the newest image, check and load it; 2 wake without check; 3 commit slot RRAM_SLOT; 4 scrub the committed image",
    ),
    r(
        "RRAM_STATUS",
        0xa0,
        Ro,
        "see the table of RRAM_STATUS bits; 18:16: why the controller's program was stopped, 0: it was not",
    ),
    r("RRAM_UNLOCK", 0xa4, W1s, "the two keys, one behind the other, allow programming; any other value forbids it"),
    r("RRAM_LOCK", 0xa8, W1s, "bit 0: no programming until reset; bit 1: RRAM_INJECT stays as it is until reset"),
    r("RRAM_SLOT", 0xac, Rw, "bit 0: slot that uploads and COMMIT mean, and that runs read before a wake"),
    r("RRAM_CORRECTED", 0xb0, Ro, "words read with one wrong bit, corrected"),
    r("RRAM_UNCORRECTABLE", 0xb4, Ro, "words read with more"),
    r(
        "RRAM_ERROR_FIRST",
        0xb8,
        Ro,
        "first wrong word since ERROR_CLEAR: bits 15:0 line, 23:16 row, 30 corrected, 31 uncorrectable",
    ),
    r("RRAM_ERROR_LAST", 0xbc, Ro, "the last one"),
    r("RRAM_PULSES", 0xc0, Ro, "pulses, counted by row"),
    r("RRAM_RETRIES", 0xc4, Ro, "rounds of pulses"),
    r("RRAM_REMAPS", 0xc8, Ro, "lines retired to a spare"),
    r("RRAM_SPARES", 0xcc, Ro, "spares left: bits 15:0 slot 0, 31:16 slot 1"),
    r("RRAM_WEAR", 0xd0, Ro, "writes of the most worn line that was programmed since reset"),
    r("RRAM_SWAPS", 0xd4, Ro, "lines that changed places with the least worn one"),
    r("RRAM_REFRESHED", 0xd8, Ro, "lines that a scrub wrote again"),
    r("RRAM_SCRUB_LINE", 0xdc, Ro, "line that the scrub looks at next"),
    r("RRAM_SCRUB_BUDGET", 0xe0, Rw, "lines that are scrubbed after each run while no start waits; 0: none"),
    r(
        "RRAM_INJECT",
        0xe4,
        Rw,
        "data bits that are stored wrong in every word programmed: bits 7:0 first, 15:8 second; 16, 17: enable them",
    ),
    r("RRAM_EPOCH", 0xe8, Ro, "epoch of the newest committed image; 0: there is none"),
    r("RRAM_IMAGE_CRC", 0xec, Ro, "CRC-32 of the lines of the image that is awake"),
    r("RRAM_WAKE_CYCLES", 0xf0, Ro, "cycles of the last wake, from reset or command to READY"),
    r("EVENT_SELECT", 0xf4, Rw, "number of the event that EVENT_VALUE shows; see the table of events"),
    r("EVENT_VALUE", 0xf8, Ro, "how often the event happened since reset, modulo 2^32"),
    r("RRAM_TILE", 0xfc, Ro, "bits 15:0 the last line of the image whose CRC a scrub found wrong; bits 31:16 how many it found"),
    r("VEC_LANES", 0x100, Ro, "lanes of the vector unit; 0: there is none"),
    r("V_DEPTH", 0x104, Ro, "words of V"),
    r("VEC_PARAM_DEPTH", 0x108, Ro, "parameter words of the vector unit"),
    r(
        "POS",
        0x10c,
        Rw,
        "position of the token, for the next run: bits 15:0. This register and those below are holes where there is no vector unit",
    ),
    r("TOK", 0x110, Rw, "number of the token, for the next run: bits 15:0"),
    r("ARGMAX", 0x114, Ro, "bits 15:0: where the last ARGMAX found its largest number: lane + C * step of the reduction"),
    r("AUTO", 0x118, Rw, "bits 15:0: runs that follow by themselves; counts down"),
    r("STOP", 0x11c, Rw, "bits 15:0: a token, bit 16: enable; a run whose ARGMAX is that token is the last"),
    r(
        "ENTRY",
        0x120,
        Rw,
        "bits 15:0: row of the timetable in which a run begins; not written while a start waits or AUTO is not 0",
    ),
    r("TOK1", 0x124, Rw, "token of row 1 of a chunk, for the next run: bits 15:0; TOK is that of row 0"),
    r("TOK2", 0x128, Rw, "of row 2"),
    r("TOK3", 0x12c, Rw, "of row 3"),
    r("TOK4", 0x130, Rw, "of row 4"),
    r("TOK5", 0x134, Rw, "of row 5"),
    r("TOK6", 0x138, Rw, "of row 6"),
    r("TOK7", 0x13c, Rw, "of row 7"),
    r(
        "AUTO_CYCLES",
        0x140,
        Ro,
        "cycles from the launch of the last run that AUTO did not start to the last END, those between runs among them",
    ),
];

/// Registers of a chunk's tokens, by row.
pub const TOKENS: [&str; CHUNK] = ["TOK", "TOK1", "TOK2", "TOK3", "TOK4", "TOK5", "TOK6", "TOK7"];

/// A bit of a register.
#[derive(Debug, Clone, Copy)]
pub struct Bit {
    /// Name in upper snake case.
    pub name: &'static str,
    /// Bit number.
    pub bit: u32,
    /// Meaning.
    pub doc: &'static str,
}

const fn b(name: &'static str, bit: u32, doc: &'static str) -> Bit {
    Bit { name, bit, doc }
}

/// Bits of `STATUS`.
pub const STATUS_BITS: [Bit; 10] = [
    b("RUNNING", 0, "between launch and DONE"),
    b("PENDING", 1, "a start waits to launch"),
    b("QUEUED", 2, "one more start waits behind it"),
    b("WAIT_IN", 3, "the pending start waits for an input frame"),
    b("WAIT_OUT", 4, "the pending start waits for a free OUT buffer"),
    b("IN_FULL", 5, "a complete input frame waits"),
    b("OUT_BUSY", 6, "an output frame waits or is being sent"),
    b("UPLOADING", 7, "an image word is partly received"),
    b("WAIT_RRAM", 8, "the pending start waits for the RRAM controller"),
    b("POISON", 9, "a run read an uncorrectable word since ERROR_CLEAR: its results are not to be trusted"),
];

/// Bits of `RRAM_STATUS`.
pub const RRAM_STATUS_BITS: [Bit; 11] = [
    b("BUSY", 0, "the controller works, or a line is partly received"),
    b("READY", 1, "the image of a slot is awake"),
    b("SLOT", 2, "slot that runs read"),
    b("UNLOCKED", 3, "programming is allowed"),
    b("LOCKED", 4, "programming is forbidden until reset"),
    b("INJECT_LOCKED", 5, "RRAM_INJECT cannot be changed until reset"),
    b("COMMITTED", 6, "there is a committed image"),
    b("NEWEST", 7, "slot of the newest committed image"),
    b("FOREIGN", 8, "a record of another machine or of other software was seen"),
    b("WEAK", 9, "the record that was chosen read weakly and was written again"),
    b("BOOTED", 10, "the search for an image after reset is over"),
];

/// Bits of `IRQ_STATUS` and `IRQ_ENABLE`.
pub const IRQ_BITS: [Bit; 7] = [
    b("DONE", 0, "a run ended"),
    b("ERROR", 1, "ERROR became non-zero"),
    b("FRAME_IN", 2, "an input frame is complete"),
    b("FRAME_OUT", 3, "an output frame was sent"),
    b("RRAM", 4, "an RRAM command ended"),
    b("POISON", 5, "a run read an uncorrectable word"),
    b("RETIRED", 6, "a line was retired to a spare"),
];

/// Events that are counted, by number: what costs energy.
pub const EVENTS: [Bit; 13] = [
    b("VECTORS", 0, "vectors that entered the array: R bytes of X read, R x C multiplications and additions, C accumulations"),
    b("W_RRAM", 1, "weight tiles read from RRAM: C bytes and their check bits in each of R rows"),
    b("W_SRAM", 2, "weight tiles read from W SRAM: R x C bytes"),
    b("X_FLAT", 3, "words of C bytes read from X by POST, STORE and the lane engine"),
    b("X_WRITE", 4, "words of C bytes written to X"),
    b("W_WRITE", 5, "words of C bytes written to W SRAM"),
    b("POST", 6, "vectors of C sums through POST"),
    b("OUT_WRITE", 7, "words of C bytes written to the OUT buffer"),
    b("LANE", 8, "columns inside the image that the lane engine read: 9 C multiplications and additions"),
    b("VECTOR", 9, "steps of VECTOR: C numbers through the lanes, three words of V and one of parameters read"),
    b("VEC_FN", 10, "those of them with a function: C segments read"),
    b("V_WRITE", 11, "those of them that write a word of V, in three copies"),
    b("SCALAR", 12, "steps of SCALAR"),
];

/// Codes of `ERROR`.
pub const ERRORS: [Bit; 18] = [
    b("NONE", 0, "no error"),
    b(
        "START_LIMIT",
        1,
        "a start stayed pending for START_LIMIT cycles and was dropped; bits 8, 9: it waited for input, for OUT room",
    ),
    b("FRAME_LEN", 2, "an input frame was shorter or longer than IN_BYTES and was dropped"),
    b("START_OVERRUN", 3, "a start while one was pending and one queued"),
    b("UPLOAD_RUNNING", 4, "an image write while a run was pending or running; it was refused"),
    b("UPLOAD_RANGE", 5, "an image write beyond its memory; it was refused"),
    b("RRAM_LOCKED", 6, "RRAM is not to be written: unlock it first, or it is locked until reset; the write was refused"),
    b("RRAM_SLOT", 7, "a write or commit to the slot of the newest committed image; it was refused"),
    b("RRAM_BUSY", 8, "an RRAM command while a run or another command was on; it was refused"),
    b("RRAM_POISON", 9, "a run read a weight word with more errors than the code corrects; its results are not to be trusted"),
    b("RRAM_PROGRAM", 10, "a line could not be programmed and no spare is left"),
    b("RRAM_CRC", 11, "the slot does not hold the image that its record names, read at the margins; it was not committed"),
    b("RRAM_RECORD", 12, "the record could not be written so that it reads back at the margins"),
    b("RRAM_NO_IMAGE", 13, "wake found no record with a good image"),
    b("RRAM_FOREIGN", 14, "wake found only images made for another machine or by other software"),
    b("RRAM_TILE", 15, "a scrub read a line whose CRC is not that of the image; RRAM_TILE names it, it was not written again"),
    b(
        "RRAM_ENGINE",
        16,
        "the RRAM controller's program was stopped by a check; bits 18:16 of RRAM_STATUS say which. Only reset goes on",
    ),
    b(
        "RRAM_ABSENT",
        17,
        "a command or record for the RRAM controller of a machine that has none (RRAM_CTRL 0); load the image instead",
    ),
];

/// Upload targets, by code.
pub const UPLOAD_TARGETS: [&str; 7] = ["TIMETABLE", "DESC", "PARAM", "LUT", "RRAM", "TAP", "RECORD"];

/// The offset of the register `name`.
///
/// # Panics
/// When there is none: a spelling mistake in the caller.
pub fn offset(name: &str) -> u32 {
    REGS.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("no register {name}")).offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_rise_in_words_inside_the_space() {
        for pair in REGS.windows(2) {
            assert!(pair[0].offset < pair[1].offset, "{}", pair[1].name);
        }
        assert!(REGS.iter().all(|r| r.offset % 4 == 0 && r.offset < SPACE));
    }
}
