// SPDX-License-Identifier: Apache-2.0
//! The image: everything a machine needs to run a program, in one file.
//!
//! Little endian. Header of 14 words {magic, format version, ISA fingerprint, configuration
//! id | WEIGHT_BEATS << 8 (of one's own sizes also a hash of them << 16), IN_BYTES, OUT_BYTES, timetable rows, descriptor words, parameter
//! words, lookup tables, weight bytes, taps (of one lane each), words of the vector unit, metadata bytes}; then the sections in that order,
//! each padded to 4 bytes; CRC-32 (IEEE) of all before it. Metadata: input and output tensor, multiplications, tables, what the
//! image was made of, name.

use crate::requant::Param;
use crate::table::{Before, Table};
use crate::{Config, IsaError, Program};
use serde::Serialize;

/// First four bytes of an image.
pub const MAGIC: u32 = u32::from_le_bytes(*b"SYSI");
/// Version of the file format.
pub const VERSION: u32 = 4;
/// The words of its header, by their names.
pub const HEADER: [&str; HEADER_WORDS] = [
    "MAGIC",
    "VERSION",
    "FINGERPRINT",
    "MACHINE",
    "IN_BYTES",
    "OUT_BYTES",
    "TIMETABLE",
    "DESCRIPTORS",
    "PARAMETERS",
    "LUTS",
    "WEIGHTS",
    "TAPS",
    "VECTOR",
    "METADATA",
];
/// Bytes of what each of the words from TIMETABLE on counts, sections in the order of the file.
pub const SECTION_BYTES: [usize; HEADER_WORDS - 6] = [8, 16, 8, 256, 1, 8, 8, 1];
const HEADER_WORDS: usize = 14;

/// Element type of a host tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// One byte.
    Int8,
    /// Four bytes, little endian.
    Int32,
}

impl Dtype {
    /// Bytes of an element.
    pub fn bytes(self) -> u32 {
        match self {
            Dtype::Int8 => 1,
            Dtype::Int32 => 4,
        }
    }
}

/// Where a host tensor's elements lie in its frame: element (i, j) of a `rows` x `cols`
/// matrix begins at byte `offset + i * row_pitch + (j / tile) * tile_pitch + (j % tile) * bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// Rows of the matrix.
    pub rows: u32,
    /// Columns.
    pub cols: u32,
    /// Element type.
    pub dtype: Dtype,
    /// Byte of element (0, 0).
    pub offset: u32,
    /// Bytes from row to row.
    pub row_pitch: u32,
    /// Columns that lie side by side.
    pub tile: u32,
    /// Bytes from one such group of columns to the next.
    pub tile_pitch: u32,
}

impl Tensor {
    /// A dense row-major matrix.
    pub fn dense(rows: u32, cols: u32, dtype: Dtype) -> Tensor {
        let row_pitch = cols * dtype.bytes();
        Tensor { rows, cols, dtype, offset: 0, row_pitch, tile: cols.max(1), tile_pitch: row_pitch }
    }

    /// First byte of element (i, j) in the frame.
    pub fn byte(&self, i: u32, j: u32) -> usize {
        self.offset as usize
            + i as usize * self.row_pitch as usize
            + (j / self.tile) as usize * self.tile_pitch as usize
            + (j % self.tile) as usize * self.dtype.bytes() as usize
    }

    /// The frame of `frame_bytes` bytes that holds `values`, row-major; the rest is zero.
    ///
    /// # Panics
    /// When `values` is not rows x cols long, or does not fit the frame.
    pub fn pack(&self, values: &[i32], frame_bytes: usize) -> Vec<u8> {
        assert_eq!(values.len(), (self.rows * self.cols) as usize);
        let mut frame = vec![0; frame_bytes];
        for i in 0..self.rows {
            for j in 0..self.cols {
                let v = values[(i * self.cols + j) as usize];
                let at = self.byte(i, j);
                match self.dtype {
                    Dtype::Int8 => frame[at] = v as u8,
                    Dtype::Int32 => frame[at..at + 4].copy_from_slice(&v.to_le_bytes()),
                }
            }
        }
        frame
    }

    /// The matrix in `frame`, row-major; `None` when the frame is too short.
    pub fn unpack(&self, frame: &[u8]) -> Option<Vec<i32>> {
        let mut values = Vec::with_capacity((self.rows * self.cols) as usize);
        for i in 0..self.rows {
            for j in 0..self.cols {
                let at = self.byte(i, j);
                values.push(match self.dtype {
                    Dtype::Int8 => i32::from(*frame.get(at)? as i8),
                    Dtype::Int32 => i32::from_le_bytes(frame.get(at..at + 4)?.try_into().ok()?),
                });
            }
        }
        Some(values)
    }
}

/// A program with all its data, for one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Fingerprint of the ISA tables it was made with.
    pub fingerprint: u32,
    /// Number of the configuration ([`Config::image_id`]).
    pub config_id: u32,
    /// WEIGHT_BEATS it is scheduled for.
    pub weight_beats: u32,
    /// Bytes of an input frame.
    pub in_bytes: u32,
    /// Bytes of an output frame.
    pub out_bytes: u32,
    /// Encoded timetable rows.
    pub timetable: Vec<u64>,
    /// Encoded descriptors.
    pub descriptors: Vec<u128>,
    /// Parameters by channel; a multiple of C.
    pub params: Vec<Param>,
    /// Lookup tables, index `code as u8`.
    pub luts: Vec<[i8; 256]>,
    /// RRAM content from byte 0: byte n lies in row (n / C) mod R, word n / (C R).
    pub weights: Vec<i8>,
    /// Taps of the lane engine by tap word, line of the window (newest first, the fourth unused) and lane: weights of the
    /// result that a column completes, of the next, of the one after. A multiple of 4 C.
    pub taps: Vec<[i16; 3]>,
    /// Words of the vector unit as the machine takes them: the 64 segments of each of its 4 functions, then parameter words,
    /// C lanes each. They lie behind LUT_COUNT lookup tables, so where there are any, `luts` is full.
    pub vector: Vec<u64>,
    /// The input tensor in its frame.
    pub input: Tensor,
    /// The output tensor in its frame.
    pub output: Tensor,
    /// Multiply-accumulates of the workload itself (no padding), for utilisation.
    pub macs: u64,
    /// Its name, for reports.
    pub name: String,
    /// Tables whose rows may be changed ([`crate::table`]).
    pub tables: Vec<Table>,
    /// What it was made of by changing rows.
    pub before: Option<Before>,
}

/// Taps of one lane as uploaded: see the format `tap`.
pub fn encode_tap(taps: [i16; 3]) -> u64 {
    taps.iter().rev().fold(0, |word, &w| word << 9 | w as u64 & 0x1ff)
}

/// Back from [`encode_tap`].
pub fn decode_tap(word: u64) -> [i16; 3] {
    std::array::from_fn(|i| (((word >> (9 * i)) as i16) << 7) >> 7)
}

fn bad(text: impl Into<String>) -> IsaError {
    IsaError::Image(text.into())
}

impl Image {
    /// The sections behind the weights as the machine takes them: timetable, descriptors, parameters, lookup tables with the vector unit's words, taps.
    pub fn sections(&self) -> [Vec<u8>; 5] {
        [
            self.timetable.iter().flat_map(|w| w.to_le_bytes()).collect(),
            self.descriptors.iter().flat_map(|w| w.to_le_bytes()).collect(),
            self.params.iter().flat_map(|p| p.encode().to_le_bytes()).collect(),
            self.luts.iter().flatten().map(|&b| b as u8).chain(self.vector.iter().flat_map(|w| w.to_le_bytes())).collect(),
            self.taps.iter().flat_map(|&t| encode_tap(t).to_le_bytes()).collect(),
        ]
    }

    /// The programs in it, each with the row of the timetable in which it begins (the register ENTRY); at least one.
    ///
    /// # Errors
    /// What [`Program::decode`] says.
    pub fn programs(&self) -> Result<Vec<(u32, Program)>, IsaError> {
        let mut programs = Program::decode(&self.timetable, &self.descriptors)?.split();
        if programs.is_empty() {
            programs.push((0, Program::default()));
        }
        Ok(programs)
    }

    /// The first one, which is all but for language models.
    ///
    /// # Errors
    /// What [`Program::decode`] says.
    pub fn program(&self) -> Result<Program, IsaError> {
        Ok(self.programs()?.remove(0).1)
    }

    /// Checks that `config` is the machine it was made for, and that it fits.
    ///
    /// # Errors
    /// [`IsaError::WrongMachine`], naming both sides; [`IsaError::TooLong`].
    pub fn check_machine(&self, config: &Config) -> Result<(), IsaError> {
        let name = |id: u32| match id & 0xff {
            crate::config::OWN => "of its own sizes",
            id => crate::config::CONFIGS.get(id as usize).map_or("unknown", |c| c.name),
        };
        let say = |f: u32, id: u32, d: u32| {
            let sizes = if id >> 16 == 0 { String::new() } else { format!(", sizes with hash {:04x}", id >> 16) };
            format!("fingerprint {f:08x}, configuration {} ({}){sizes}, WEIGHT_BEATS {d}", id & 0xff, name(id))
        };
        let ours = crate::fingerprint();
        if (self.fingerprint, self.config_id, self.weight_beats) != (ours, config.image_id(), config.weight_beats) {
            return Err(IsaError::WrongMachine {
                image: say(self.fingerprint, self.config_id, self.weight_beats),
                machine: say(ours, config.image_id(), config.weight_beats),
            });
        }
        let word = (config.rows * config.cols) as usize;
        if !self.vector.is_empty() && self.luts.len() != config.lut_count as usize {
            return Err(bad(format!(
                "{} lookup tables before the words of the vector unit, not {}",
                self.luts.len(),
                config.lut_count
            )));
        }
        for (what, needed, limit) in [
            ("timetable", self.timetable.len(), config.timetable_depth),
            ("descriptors", self.descriptors.len(), config.desc_depth),
            ("parameters", self.params.len().div_ceil(config.cols as usize), config.param_depth),
            ("lookup tables", self.luts.len(), config.lut_count),
            ("RRAM", self.weights.len().div_ceil(word), config.rram_depth),
            ("words of the vector unit", self.vector.len(), config.vector_words()),
            (
                "taps",
                self.taps.len().div_ceil(4 * config.cols as usize),
                if config.lane_taps == 0 { 0 } else { config.tap_depth },
            ),
            ("IN buffer", (self.in_bytes as usize).div_ceil(config.cols as usize), config.in_depth),
            ("OUT buffer", (self.out_bytes as usize).div_ceil(config.cols as usize), config.out_depth),
        ] {
            if needed > limit as usize {
                return Err(IsaError::TooLong { what, needed, limit: limit as usize, config: config.label() });
            }
        }
        Ok(())
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut meta = Vec::new();
        for t in [&self.input, &self.output] {
            let dtype = match t.dtype {
                Dtype::Int8 => 0u32,
                Dtype::Int32 => 1,
            };
            for v in [t.rows, t.cols, dtype, t.offset, t.row_pitch, t.tile, t.tile_pitch] {
                meta.extend(v.to_le_bytes());
            }
        }
        meta.extend(self.macs.to_le_bytes());
        meta.extend((self.tables.len() as u32).to_le_bytes());
        self.tables.iter().for_each(|t| t.encode(&mut meta));
        meta.extend(u32::from(self.before.is_some()).to_le_bytes());
        if let Some(before) = &self.before {
            for v in [before.crc, before.lines.len() as u32].iter().chain(&before.lines) {
                meta.extend(v.to_le_bytes());
            }
        }
        meta.extend(self.name.as_bytes());
        let mut out = Vec::new();
        for word in [
            MAGIC,
            VERSION,
            self.fingerprint,
            self.config_id | self.weight_beats << 8,
            self.in_bytes,
            self.out_bytes,
            self.timetable.len() as u32,
            self.descriptors.len() as u32,
            self.params.len() as u32,
            self.luts.len() as u32,
            self.weights.len() as u32,
            self.taps.len() as u32,
            self.vector.len() as u32,
            meta.len() as u32,
        ] {
            out.extend(word.to_le_bytes());
        }
        self.timetable.iter().for_each(|w| out.extend(w.to_le_bytes()));
        self.descriptors.iter().for_each(|w| out.extend(w.to_le_bytes()));
        self.params.iter().for_each(|p| out.extend(p.encode().to_le_bytes()));
        self.luts.iter().for_each(|t| out.extend(t.iter().map(|&b| b as u8)));
        out.extend(self.weights.iter().map(|&b| b as u8));
        self.taps.iter().for_each(|t| out.extend(encode_tap(*t).to_le_bytes()));
        self.vector.iter().for_each(|w| out.extend(w.to_le_bytes()));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(&meta);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`IsaError::Image`] for what is no image, truncated or damaged;
    /// [`IsaError::WrongMachine`] when it was made with other ISA tables.
    pub fn from_bytes(bytes: &[u8]) -> Result<Image, IsaError> {
        if bytes.len() < 4 * (HEADER_WORDS + 1) {
            return Err(bad(format!("{} bytes, shorter than its header of {}: truncated?", bytes.len(), 4 * (HEADER_WORDS + 1))));
        }
        let word = |i: usize| u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]);
        if word(0) != MAGIC {
            return Err(bad(format!("begins with {:08x}, not with the magic {MAGIC:08x}: not a Systole image", word(0))));
        }
        if word(1) != VERSION {
            return Err(bad(format!("format version {}, this program reads {VERSION}: compile it again", word(1))));
        }
        if word(2) != crate::fingerprint() {
            return Err(IsaError::WrongMachine {
                image: format!("fingerprint {:08x}", word(2)),
                machine: format!("fingerprint {:08x}", crate::fingerprint()),
            });
        }
        let counts: Vec<usize> = (6..HEADER_WORDS).map(|i| word(i) as usize).collect();
        let sizes: Vec<usize> = counts.iter().zip(SECTION_BYTES).map(|(c, s)| c * s).collect();
        let data: usize = sizes[..7].iter().sum();
        let meta_at = (4 * HEADER_WORDS + data).next_multiple_of(4);
        let crc_at = (meta_at + sizes[7]).next_multiple_of(4);
        if bytes.len() != crc_at + 4 {
            return Err(bad(format!("{} bytes, its header says {}: truncated or damaged", bytes.len(), crc_at + 4)));
        }
        let (found, stored) = (crc32fast::hash(&bytes[..crc_at]), word(crc_at / 4));
        if found != stored {
            return Err(bad(format!("CRC is {found:08x}, the file says {stored:08x}: damaged; compile it again")));
        }
        let mut at = 4 * HEADER_WORDS;
        let mut take = |n: usize| {
            at += n;
            &bytes[at - n..at]
        };
        let u64s =
            |b: &[u8]| -> Vec<u64> { b.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().expect("8 bytes"))).collect() };
        let timetable = u64s(take(sizes[0]));
        let descriptors = take(sizes[1]).chunks_exact(16).map(|c| u128::from_le_bytes(c.try_into().expect("16 bytes"))).collect();
        let params = u64s(take(sizes[2])).into_iter().map(Param::decode).collect();
        let luts = take(sizes[3]).chunks_exact(256).map(|c| std::array::from_fn(|i| c[i] as i8)).collect();
        let weights = take(sizes[4]).iter().map(|&b| b as i8).collect();
        let taps = u64s(take(sizes[5])).into_iter().map(decode_tap).collect();
        let vector = u64s(take(sizes[6]));
        let meta = &bytes[meta_at..meta_at + sizes[7]];
        if meta.len() < 64 {
            return Err(bad(format!("metadata of {} bytes, needs 64: damaged", meta.len())));
        }
        let (tables, before, name) = said_of(&meta[64..]).ok_or_else(|| bad("its tables end too early: damaged"))?;
        let m = |i: usize| u32::from_le_bytes(meta[4 * i..4 * i + 4].try_into().expect("4 bytes"));
        let tensor = |i: usize| -> Result<Tensor, IsaError> {
            Ok(Tensor {
                rows: m(i),
                cols: m(i + 1),
                dtype: match m(i + 2) {
                    0 => Dtype::Int8,
                    1 => Dtype::Int32,
                    other => return Err(bad(format!("element type {other}; there are 0 (int8) and 1 (int32)"))),
                },
                offset: m(i + 3),
                row_pitch: m(i + 4),
                tile: m(i + 5).max(1),
                tile_pitch: m(i + 6),
            })
        };
        Ok(Image {
            fingerprint: word(2),
            config_id: word(3) & 0xffff_00ff,
            weight_beats: word(3) >> 8 & 0xff,
            in_bytes: word(4),
            out_bytes: word(5),
            timetable,
            descriptors,
            params,
            luts,
            weights,
            taps,
            vector,
            input: tensor(0)?,
            output: tensor(7)?,
            macs: u64::from_le_bytes(meta[56..64].try_into().expect("8 bytes")),
            name,
            tables,
            before,
        })
    }
}

/// Tables, what the image was made of, and its name, from the metadata behind the tensors.
fn said_of(meta: &[u8]) -> Option<(Vec<Table>, Option<Before>, String)> {
    let word = |at: usize| Some(u32::from_le_bytes(meta.get(at..at + 4)?.try_into().ok()?));
    let (mut tables, mut at) = (vec![], 4);
    for _ in 0..word(0)? {
        let (table, bytes) = Table::decode(meta.get(at..)?)?;
        tables.push(table);
        at += bytes;
    }
    let mut before = None;
    if word(at)? != 0 {
        let (crc, count) = (word(at + 4)?, word(at + 8)? as usize);
        at += 8;
        before = Some(Before { crc, lines: (1..=count).map(|n| word(at + 4 * n)).collect::<Option<_>>()? });
        at += 4 * count;
    }
    Some((tables, before, String::from_utf8_lossy(meta.get(at + 4..)?).into_owned()))
}
