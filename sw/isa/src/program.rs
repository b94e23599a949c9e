// SPDX-License-Identifier: Apache-2.0
//! Typed instructions and programs, and their encoding.

use crate::f24::F24;
use crate::field::Format;
use crate::format::{LANE, LOAD, LOOP, MATMUL, POST, RESIDUAL, ROW, SCALAR, SCRUB, STORE, VECTOR, VECTOR_OPS};
use crate::latency::max_loops;
use crate::{IsaError, Loop, Nest};

/// The units a timetable row can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Unit {
    /// The run is over in this row's cycle.
    End = 0,
    /// The array.
    Matmul = 1,
    /// Requantisation and what follows it.
    Post = 2,
    /// IN buffer to X.
    Load = 3,
    /// X to OUT buffer.
    Store = 4,
    /// Looks at lines of RRAM at both margins.
    Scrub = 5,
    /// The lane engine: one channel a lane.
    Lane = 6,
    /// The vector unit: C numbers a step.
    Vector = 7,
    /// Numbers of S, one a step.
    Scalar = 8,
    /// Stops the timetable's clock for a multiple of LENC.
    Wait = 9,
}

impl Unit {
    /// Every unit, by code.
    pub const ALL: [Unit; 10] = [
        Unit::End,
        Unit::Matmul,
        Unit::Post,
        Unit::Load,
        Unit::Store,
        Unit::Scrub,
        Unit::Lane,
        Unit::Vector,
        Unit::Scalar,
        Unit::Wait,
    ];

    /// Its name in listings.
    pub fn name(self) -> &'static str {
        ["END", "MATMUL", "POST", "LOAD", "STORE", "SCRUB", "LANE", "VECTOR", "SCALAR", "WAIT"][self as usize]
    }
}

/// MATMUL: multiplies X vectors with weight words into accumulators.
///
/// Addresses of the nest: 0 X word, 1 W word, 2 accumulator, 3 index y, 4 index x.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Matmul {
    /// X word (R bytes) of the first step.
    pub x_base: u32,
    /// W word (C bytes in each row) of the first step.
    pub w_base: u32,
    /// Accumulator of the first step.
    pub acc_base: u32,
    /// Weights from W SRAM instead of RRAM.
    pub w_sram: bool,
    /// Zero point of the weights: subtracted from each byte of a word when it is loaded. 0 with `w_sram`, and where WEIGHT_ZERO is 0.
    pub w_zero: i8,
    /// Loops below this one share a weight word; 0: every step loads.
    pub hold: u32,
    /// Bit `l`: loop `l` runs over K.
    pub reduce: u32,
    /// Sums start here (else they continue what the accumulators hold).
    pub first: bool,
    /// Sums end here and go to POST.
    pub last: bool,
    /// Padding, where on.
    pub pad: Option<Pad>,
    /// In place of X: a value in one row, chosen by a register. Not with padding; `x_base` is 0.
    pub one_hot: Option<OneHot>,
    /// The loops.
    pub nest: Nest,
}

/// Padding of a MATMUL by two bounded indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pad {
    /// The byte that stands for a padded element.
    pub value: i8,
    /// Index y of the first step.
    pub y_base: i32,
    /// Index x of the first step.
    pub x_base: i32,
    /// Rows of the image.
    pub y_size: u32,
    /// Columns of the image.
    pub x_size: u32,
}

/// A one in one row: the vector that picks a row of a table that lies in the weights.
///
/// Row `entry mod R` multiplies `value`, all others 0; every weight word lies `entry / R` further on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OneHot {
    /// What the entry is.
    pub register: Register,
    /// Row of the chunk, 0 to 7.
    pub row: u8,
    /// What its row multiplies.
    pub value: i8,
}

/// Rows of a chunk: tokens that one run can take.
pub const CHUNK: usize = 8;

/// What the host writes before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Register {
    /// Position of the row's token: POS + row.
    #[default]
    Pos = 0,
    /// Number of the row's token: TOK, TOK1 ..
    Tok = 1,
}

/// Where POST writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum PostDest {
    /// Activation banks; the address counts C-byte words.
    #[default]
    X = 0,
    /// W SRAM: lane i to row (group * C + i), one byte lane; address {word, byte lane, group}.
    WColumn = 1,
    /// W SRAM: the whole word to one row; address {word, row}.
    WRow = 2,
    /// OUT buffer, int8.
    Out = 3,
    /// OUT buffer, int32 sums with bias, C x 4 bytes in 4 words; one vector per 4 cycles.
    OutRaw32 = 4,
}

/// POST: requantises final sums and writes them. Advances one step per final vector.
///
/// Addresses of the nest: 0 destination, 1 parameter word, 2 residual operand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Post {
    /// Destination of the first vector.
    pub dst_base: u32,
    /// Parameter word of the first vector.
    pub param_base: u32,
    /// Where the result goes.
    pub dest: PostDest,
    /// Zero point of the requantised value.
    pub zero_point: i8,
    /// Lower clamp of the result.
    pub lo: i8,
    /// Upper clamp of the result.
    pub hi: i8,
    /// Lookup table, where on.
    pub lut: Option<u32>,
    /// Residual add, where on.
    pub residual: Option<Residual>,
    /// The loops.
    pub nest: Nest,
}

/// What POST makes of the requantised value a and the operand b.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Join {
    /// `a * ma + b * mb`
    #[default]
    Sum,
    /// The larger of the two, and none of the constants.
    Larger,
    /// `(a - zeros[0]) * (b - zeros[1]) * ma`; mb is 0.
    Product {
        /// Zero points of a and b.
        zeros: [i8; 2],
    },
}

/// `y = rne((a * ma + b * mb + offset) / 2^shift) + zero_point` saturated to int8, a product of a and b in place of the sum, or
/// `max(a, b)`; then clamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Residual {
    /// X address of the first operand b, in C-byte words.
    pub base: u32,
    /// How a and b meet.
    pub join: Join,
    /// Multiplier of the requantised value a.
    pub ma: i32,
    /// Multiplier of the operand b.
    pub mb: i32,
    /// Zero points of the operands and correction.
    pub offset: i64,
    /// Power of two to divide by, 0 to 40.
    pub shift: u32,
    /// Added after rounding.
    pub zero_point: i8,
}

/// The second word of a POST header, and the operand's first address.
fn second_operand(base: u32, word: u128) -> Residual {
    let get = |name| RESIDUAL.get(word, name);
    let (max, mul, mb) = (get("max") == 1, get("mul") == 1, get("mb") as i32);
    let join = match (max, mul) {
        (true, _) => Join::Larger,
        (_, true) => Join::Product { zeros: [mb as i8, (mb >> 8) as i8] },
        _ => Join::Sum,
    };
    Residual {
        base,
        join,
        ma: get("ma") as i32,
        mb: if matches!(join, Join::Product { .. }) { 0 } else { mb },
        offset: get("offset"),
        shift: get("shift") as u32,
        zero_point: get("sum_zero_point") as i8,
    }
}

/// LANE: one channel a lane, sums over windows that slide along lines.
///
/// Addresses of the nest: 0 X (C-byte words), 1 tap word, 3 index y, 4 index x.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Lane {
    /// X address of the first step, in C-byte words.
    pub x_base: u32,
    /// Tap word of the first step.
    pub tap_base: u32,
    /// Bit `l`: loop `l` runs over the columns between results.
    pub column: u32,
    /// Bit `l`: loop `l` runs over the lines between results.
    pub line: u32,
    /// Bit `l`: loop `l` runs along a line.
    pub row: u32,
    /// Bit `l`: loop `l` runs within a C-byte word.
    pub tile: u32,
    /// Results of each line that are left out, 0 to 3.
    pub skip: u32,
    /// Lines of results of each C-byte word that are left out, 0 to 3.
    pub skip_lines: u32,
    /// Subtracted from each byte.
    pub zero_point: i8,
    /// Index y of the first step.
    pub y_base: i32,
    /// Index x of the first step.
    pub x_index_base: i32,
    /// Rows of the image.
    pub y_size: u32,
    /// Columns of the image.
    pub x_size: u32,
    /// The loops.
    pub nest: Nest,
}

/// LOAD: IN bytes to X, unaligned, rotated, masked.
///
/// Addresses of the nest: 0 destination (C-byte words of X), 1 source (IN bytes).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Load {
    /// X address of the first step, in C-byte words.
    pub dst_base: u32,
    /// IN byte address of the first step.
    pub src_base: u32,
    /// Lane j takes source byte (j - rotate) mod C.
    pub rotate: u32,
    /// Lanes that are written.
    pub mask: u32,
    /// Write this constant instead of IN bytes.
    pub fill: Option<i8>,
    /// The loops.
    pub nest: Nest,
}

/// STORE: X to OUT, one C-byte word a step.
///
/// Addresses of the nest: 0 destination (OUT words), 1 source (C-byte words of X).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Store {
    /// OUT word of the first step.
    pub dst_base: u32,
    /// X address of the first step, in C-byte words.
    pub src_base: u32,
    /// The loops.
    pub nest: Nest,
}

macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(u8)]
        pub enum $name { #[default] $($(#[$doc])* $variant),+ }
        impl $name {
            /// Every choice, by code.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
        }
    };
}

choices! {
    /// Operand a of a VECTOR step.
    Source {
        /// The sums that the array hands over, as numbers.
        Array,
        /// A word of V.
        V,
    }
}
choices! {
    /// What a VECTOR step multiplies its operand a with: m1.
    Mul1 {
        /// Nothing.
        One,
        /// The parameter's scale.
        Scale,
        /// b.
        B,
        /// a.
        A,
    }
}
choices! {
    /// The second product, m2.
    Mul2 {
        /// m1.
        One,
        /// m1 times the scalar.
        Scalar,
        /// m1 times c.
        C,
        /// a of the neighbour (lanes 2 k and 2 k + 1 change places) times c.
        Partner,
    }
}
choices! {
    /// What is added to m2: s.
    Add {
        /// Nothing.
        Zero,
        /// The scalar, negated.
        MinusScalar,
        /// The parameter's bias.
        Bias,
        /// c.
        C,
        /// m1.
        M1,
    }
}
choices! {
    /// A function of s.
    Function {
        /// 2 to the power of s.
        Exp2,
        /// 1 / (1 + exp(-s)).
        Sigmoid,
        /// The normal distribution's cumulative function.
        Phi,
        /// 127 times 2 to the power of s.
        Exp2Code,
    }
}
choices! {
    /// What fn(s) is multiplied with: f.
    Mul3 {
        /// Nothing.
        One,
        /// s.
        S,
        /// b.
        B,
        /// The scalar.
        Scalar,
    }
}
choices! {
    /// Where a VECTOR step writes.
    VectorDest {
        /// Nowhere.
        None,
        /// f to V.
        V,
        /// The code to X; the address counts C-byte words.
        X,
        /// The code to W SRAM, lane i to row (group * C + i), one byte lane; address {word, byte lane, group}.
        WColumn,
        /// The code to W SRAM, one row; address {word, row}.
        WRow,
        /// The code to OUT.
        Out,
        /// f to OUT as float32, in 4 words; one step per 4 cycles.
        OutFloat,
    }
}
choices! {
    /// The largest s of a reduction.
    MaxOf {
        /// None.
        Off,
        /// The largest.
        Max,
        /// The largest magnitude.
        MaxAbs,
        /// The largest, and where it is.
        ArgMax,
    }
}
choices! {
    /// The exact sum of a reduction.
    SumOf {
        /// None.
        Off,
        /// Codes.
        Code,
        /// t, f in sixteenths.
        T,
        /// t squared.
        TSquared,
    }
}
choices! {
    /// What SCALAR computes.
    ScalarOp {
        /// a * b.
        Mul,
        /// a + b.
        Add,
        /// The larger of a and b.
        Max,
        /// 1 / a.
        Recip,
        /// 1 / sqrt(a).
        Rsqrt,
    }
}

/// VECTOR: C numbers a step, from the array's sums or from V (docs/vector.md).
///
/// Addresses of the nest: 0 destination, 1 parameter word, 2 a, 3 b and c, 4 scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Vector {
    /// V word of the first a.
    pub a_base: u32,
    /// V word of the first b.
    pub b_base: u32,
    /// V word of the first c.
    pub c_base: u32,
    /// Destination of the first result.
    pub dst_base: u32,
    /// Parameter word of the first step.
    pub param_base: u32,
    /// S register that the first step reads.
    pub s_base: u32,
    /// S register of the first reduction.
    pub red_base: u32,
    /// Zero point of codes.
    pub zero_point: i8,
    /// Lower clamp of codes.
    pub lo: i8,
    /// Upper clamp of codes.
    pub hi: i8,
    /// POS is added to the destination.
    pub append: bool,
    /// At the last iteration of the outermost loop, lanes beyond POS mod C + `tail_row` are the lowest number.
    pub tail: bool,
    /// Row of the chunk, 0 to 7, that `tail` is for.
    pub tail_row: u8,
    /// Every step reads `s_base`.
    pub s_fixed: bool,
    /// Every reduction goes to `red_base`.
    pub red_fixed: bool,
    /// Bit `l`: a reduction runs over loop `l`.
    pub reduce: u32,
    /// First lane that counts.
    pub lane_lo: u32,
    /// Lanes that count, 1 to 32; others keep what V holds, write code 0, and are in no reduction.
    pub lane_n: u32,
    /// Operand a.
    pub src: Source,
    /// m1.
    pub mul1: Mul1,
    /// m2.
    pub mul2: Mul2,
    /// s.
    pub add: Add,
    /// Function of s, where on.
    pub function: Option<Function>,
    /// f.
    pub mul3: Mul3,
    /// Where the result goes.
    pub dest: VectorDest,
    /// Largest s.
    pub max: MaxOf,
    /// Exact sum.
    pub sum: SumOf,
    /// The loops.
    pub nest: Nest,
}

/// SCALAR: one operation on numbers of S a step.
///
/// Addresses of the nest: 0 destination, 1 a, 2 b.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scalar {
    /// What it computes.
    pub op: ScalarOp,
    /// S register of the first a.
    pub a_base: u32,
    /// S register of the first b.
    pub b_base: u32,
    /// S register of the first result.
    pub dst_base: u32,
    /// A constant in place of b.
    pub imm: Option<F24>,
    /// The loops.
    pub nest: Nest,
}

/// WAIT: rows behind it come `each * LENC` cycles later; units go on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Wait {
    /// Cycles for each unit of LENC.
    pub each: u32,
}

/// SCRUB: looks at the next lines of the committed image at both margins; the first weak one is written again after the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scrub {
    /// Lines, at least 1.
    pub lines: u32,
}

/// What a row hands to a unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// See [`Matmul`].
    Matmul(Matmul),
    /// See [`Post`].
    Post(Post),
    /// See [`Load`].
    Load(Load),
    /// See [`Store`].
    Store(Store),
    /// See [`Lane`].
    Lane(Lane),
    /// See [`Scrub`].
    Scrub(Scrub),
    /// See [`Vector`].
    Vector(Vector),
    /// See [`Scalar`].
    Scalar(Scalar),
    /// See [`Wait`].
    Wait(Wait),
    /// The run is over.
    End,
}

/// A row of the timetable with its instruction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// The cycle after launch in which the row acts.
    pub cycle: u64,
    /// What it starts.
    pub instruction: Instruction,
}

/// A program: rows sorted by cycle, END last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Program {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Instruction {
    /// The unit that runs it.
    pub fn unit(&self) -> Unit {
        match self {
            Instruction::Matmul(_) => Unit::Matmul,
            Instruction::Post(_) => Unit::Post,
            Instruction::Load(_) => Unit::Load,
            Instruction::Store(_) => Unit::Store,
            Instruction::Lane(_) => Unit::Lane,
            Instruction::Scrub(_) => Unit::Scrub,
            Instruction::Vector(_) => Unit::Vector,
            Instruction::Scalar(_) => Unit::Scalar,
            Instruction::Wait(_) => Unit::Wait,
            Instruction::End => Unit::End,
        }
    }

    /// Its nest; `None` for END, SCRUB and WAIT.
    pub fn nest(&self) -> Option<&Nest> {
        match self {
            Instruction::Matmul(i) => Some(&i.nest),
            Instruction::Post(i) => Some(&i.nest),
            Instruction::Load(i) => Some(&i.nest),
            Instruction::Store(i) => Some(&i.nest),
            Instruction::Lane(i) => Some(&i.nest),
            Instruction::Vector(i) => Some(&i.nest),
            Instruction::Scalar(i) => Some(&i.nest),
            Instruction::Scrub(_) | Instruction::Wait(_) | Instruction::End => None,
        }
    }

    fn nest_mut(&mut self) -> Option<&mut Nest> {
        match self {
            Instruction::Matmul(i) => Some(&mut i.nest),
            Instruction::Post(i) => Some(&mut i.nest),
            Instruction::Load(i) => Some(&mut i.nest),
            Instruction::Store(i) => Some(&mut i.nest),
            Instruction::Lane(i) => Some(&mut i.nest),
            Instruction::Vector(i) => Some(&mut i.nest),
            Instruction::Scalar(i) => Some(&mut i.nest),
            Instruction::Scrub(_) | Instruction::Wait(_) | Instruction::End => None,
        }
    }

    /// Descriptor words: headers and loops.
    pub fn words(&self) -> u32 {
        let second = match self {
            Instruction::Post(p) => p.residual.is_some(),
            Instruction::Vector(_) => true,
            _ => false,
        };
        let header = u32::from(!matches!(self.unit(), Unit::End | Unit::Wait));
        header + self.nest().map_or(0, |n| u32::from(second) + n.loops.len() as u32)
    }

    /// Its descriptor.
    ///
    /// # Errors
    /// [`IsaError::FieldRange`], [`IsaError::LoopCount`].
    pub fn encode(&self) -> Result<Vec<u128>, IsaError> {
        let mut header = 0u128;
        let mut second = None;
        let mut put = |format: &Format, values: &[(&str, i64)]| -> Result<(), IsaError> {
            for (name, value) in values {
                format.set(&mut header, name, *value)?;
            }
            Ok(())
        };
        match self {
            Instruction::End | Instruction::Wait(_) => return Ok(Vec::new()),
            Instruction::Vector(i) => {
                if !(1..=32).contains(&i.lane_n) || i.lane_lo + i.lane_n > 32 {
                    return Err(IsaError::FieldRange {
                        what: "vector_ops.lane_n".into(),
                        value: i.lane_n.into(),
                        min: 1,
                        max: 32 - i64::from(i.lane_lo.min(31)),
                    });
                }
                put(
                    &VECTOR,
                    &[
                        ("a_base", i.a_base.into()),
                        ("b_base", i.b_base.into()),
                        ("c_base", i.c_base.into()),
                        ("dst_base", i.dst_base.into()),
                        ("param_base", i.param_base.into()),
                        ("s_base", i.s_base.into()),
                        ("red_base", i.red_base.into()),
                        ("zero_point", i.zero_point.into()),
                        ("lo", i.lo.into()),
                        ("hi", i.hi.into()),
                        ("append", i.append.into()),
                        ("tail", i.tail.into()),
                        ("red_fixed", i.red_fixed.into()),
                        ("s_fixed", i.s_fixed.into()),
                        ("reduce", i.reduce.into()),
                        ("lane_lo", i.lane_lo.into()),
                        ("loops", i.nest.loops.len() as i64),
                    ],
                )?;
                let mut word = 0;
                for (name, value) in [
                    ("src", i.src as i64),
                    ("mul1", i.mul1 as i64),
                    ("mul2", i.mul2 as i64),
                    ("add", i.add as i64),
                    ("fn_en", i.function.is_some().into()),
                    ("fn", i.function.map_or(0, |f| f as i64)),
                    ("mul3", i.mul3 as i64),
                    ("dest", i.dest as i64),
                    ("max", i.max as i64),
                    ("sum", i.sum as i64),
                    ("lane_n", i.lane_n.into()),
                    ("tail_row", i.tail_row.into()),
                ] {
                    VECTOR_OPS.set(&mut word, name, value)?;
                }
                second = Some(word);
            }
            Instruction::Scalar(i) => put(
                &SCALAR,
                &[
                    ("op", i.op as i64),
                    ("a_base", i.a_base.into()),
                    ("b_base", i.b_base.into()),
                    ("dst_base", i.dst_base.into()),
                    ("imm_en", i.imm.is_some().into()),
                    ("imm", i.imm.map_or(0, |v| v.bits().into())),
                    ("loops", i.nest.loops.len() as i64),
                ],
            )?,
            Instruction::Scrub(i) => {
                if i.lines == 0 {
                    return Err(IsaError::FieldRange { what: "scrub.lines".into(), value: 0, min: 1, max: 4095 });
                }
                put(&SCRUB, &[("lines", i.lines.into())])?;
                return Ok(vec![header]);
            }
            Instruction::Matmul(i) => {
                let mut pad = i.pad.unwrap_or(Pad { value: 0, y_base: 0, x_base: 0, y_size: 0, x_size: 0 });
                let mut x_base = i.x_base;
                if let Some(hot) = i.one_hot {
                    if usize::from(hot.row) >= CHUNK {
                        return Err(IsaError::FieldRange {
                            what: "MATMUL one_hot row".into(),
                            value: hot.row.into(),
                            min: 0,
                            max: CHUNK as i64 - 1,
                        });
                    }
                    if i.pad.is_some() || i.x_base != 0 {
                        return Err(IsaError::BadEncoding {
                            what: "MATMUL one_hot".into(),
                            found: i.x_base.into(),
                            legal: "no padding, x_base 0".into(),
                        });
                    }
                    (pad.value, x_base) = (hot.value, hot.register as u32 | u32::from(hot.row) << 1);
                }
                put(
                    &MATMUL,
                    &[
                        ("x_base", x_base.into()),
                        ("one_hot", i.one_hot.is_some().into()),
                        ("w_base", i.w_base.into()),
                        ("acc_base", i.acc_base.into()),
                        ("w_sram", i.w_sram.into()),
                        ("hold", i.hold.into()),
                        ("reduce", i.reduce.into()),
                        ("first", i.first.into()),
                        ("last_en", i.last.into()),
                        ("pad_en", i.pad.is_some().into()),
                        ("pad_value", pad.value.into()),
                        ("y_base", pad.y_base.into()),
                        ("x_index_base", pad.x_base.into()),
                        ("y_size", pad.y_size.into()),
                        ("x_size", pad.x_size.into()),
                        ("loops", i.nest.loops.len() as i64),
                    ],
                )?;
            }
            Instruction::Post(i) => {
                put(
                    &POST,
                    &[
                        ("dst_base", i.dst_base.into()),
                        ("param_base", i.param_base.into()),
                        ("res_base", i.residual.map_or(0, |r| r.base).into()),
                        ("dest", i.dest as i64),
                        ("zero_point", i.zero_point.into()),
                        ("lo", i.lo.into()),
                        ("hi", i.hi.into()),
                        ("lut_en", i.lut.is_some().into()),
                        ("lut", i.lut.unwrap_or(0).into()),
                        ("res_en", i.residual.is_some().into()),
                        ("loops", i.nest.loops.len() as i64),
                    ],
                )?;
                if let Some(r) = i.residual {
                    let mut word = 0;
                    RESIDUAL.set(&mut word, "ma", r.ma.into())?;
                    let mb = match r.join {
                        Join::Product { zeros: [a, b] } => i64::from(a as u8) | i64::from(b as u8) << 8,
                        _ => r.mb.into(),
                    };
                    RESIDUAL.set(&mut word, "mb", mb)?;
                    RESIDUAL.set(&mut word, "offset", r.offset)?;
                    if r.shift > 40 {
                        return Err(IsaError::FieldRange {
                            what: "residual.shift".into(),
                            value: r.shift.into(),
                            min: 0,
                            max: 40,
                        });
                    }
                    RESIDUAL.set(&mut word, "shift", r.shift.into())?;
                    RESIDUAL.set(&mut word, "sum_zero_point", r.zero_point.into())?;
                    RESIDUAL.set(&mut word, "max", (r.join == Join::Larger).into())?;
                    RESIDUAL.set(&mut word, "mul", matches!(r.join, Join::Product { .. }).into())?;
                    second = Some(word);
                }
            }
            Instruction::Load(i) => put(
                &LOAD,
                &[
                    ("dst_base", i.dst_base.into()),
                    ("src_base", i.src_base.into()),
                    ("rotate", i.rotate.into()),
                    ("mask", i.mask.into()),
                    ("fill_en", i.fill.is_some().into()),
                    ("fill", i.fill.unwrap_or(0).into()),
                    ("loops", i.nest.loops.len() as i64),
                ],
            )?,
            Instruction::Store(i) => put(
                &STORE,
                &[("dst_base", i.dst_base.into()), ("src_base", i.src_base.into()), ("loops", i.nest.loops.len() as i64)],
            )?,
            Instruction::Lane(i) => put(
                &LANE,
                &[
                    ("x_base", i.x_base.into()),
                    ("tap_base", i.tap_base.into()),
                    ("column", i.column.into()),
                    ("line", i.line.into()),
                    ("row", i.row.into()),
                    ("tile", i.tile.into()),
                    ("skip", i.skip.into()),
                    ("skip_lines", i.skip_lines.into()),
                    ("zero_point", i.zero_point.into()),
                    ("y_base", i.y_base.into()),
                    ("x_index_base", i.x_index_base.into()),
                    ("y_size", i.y_size.into()),
                    ("x_size", i.x_size.into()),
                    ("loops", i.nest.loops.len() as i64),
                ],
            )?,
        }
        let loops = self.nest().map_or(&[][..], |n| &n.loops);
        let max = max_loops(self.unit());
        if loops.is_empty() || loops.len() > max {
            return Err(IsaError::LoopCount { unit: self.unit().name(), loops: loops.len(), max });
        }
        let mut words = vec![header];
        words.extend(second);
        if let Some(at) = loops.iter().position(|l| l.len).filter(|&l| l + 1 != loops.len()) {
            return Err(IsaError::BadEncoding {
                what: format!("{} loop with len", self.unit().name()),
                found: at as u64,
                legal: "the outermost loop".into(),
            });
        }
        let w_zero = if let Instruction::Matmul(i) = self { i.w_zero } else { 0 };
        for (at, l) in loops.iter().enumerate() {
            let mut word = 0;
            LOOP.set(&mut word, "w_zero", if at == 0 { w_zero.into() } else { 0 })?;
            LOOP.set(&mut word, "last", i64::from(l.count) - 1)?;
            LOOP.set(&mut word, "gap", l.gap.into())?;
            LOOP.set(&mut word, "len", l.len.into())?;
            for (a, name) in ["d0", "d1", "d2", "d3", "d4"].into_iter().enumerate() {
                LOOP.set(&mut word, name, l.d[a].into())?;
            }
            words.push(word);
        }
        Ok(words)
    }

    /// The instruction of `unit` that `words` encode.
    ///
    /// # Errors
    /// [`IsaError::BadEncoding`], [`IsaError::LoopCount`].
    pub fn decode(unit: Unit, words: &[u128]) -> Result<Instruction, IsaError> {
        let bad = |what: &str, found: u64, legal: &str| IsaError::BadEncoding {
            what: format!("{} {what}", unit.name()),
            found,
            legal: legal.into(),
        };
        if unit == Unit::End {
            return Ok(Instruction::End);
        }
        if unit == Unit::Wait {
            return Err(bad("descriptor", 0, "none: its row says all"));
        }
        let header = *words.first().ok_or_else(|| bad("descriptor length", 0, "1 or more words"))?;
        if unit == Unit::Scrub {
            if words.len() != 1 {
                return Err(bad("descriptor length", words.len() as u64, "1 word"));
            }
            return match SCRUB.get(header, "lines") {
                0 => Err(bad("lines", 0, "1 to 4095")),
                lines => Ok(Instruction::Scrub(Scrub { lines: lines as u32 })),
            };
        }
        let residual = unit == Unit::Post && POST.get(header, "res_en") == 1;
        let skip = 1 + usize::from(residual || unit == Unit::Vector);
        let count = MATMUL.get(header, "loops") as usize;
        if count == 0 || count > max_loops(unit) {
            return Err(IsaError::LoopCount { unit: unit.name(), loops: count, max: max_loops(unit) });
        }
        if words.len() != skip + count {
            return Err(bad("descriptor length", words.len() as u64, &format!("{} words", skip + count)));
        }
        let zeros: Vec<i64> = words[skip..].iter().map(|&w| LOOP.get(w, "w_zero")).collect();
        let w_zero = zeros[0] as i8;
        if let Some(&other) = zeros.iter().skip(usize::from(unit == Unit::Matmul)).find(|&&z| z != 0) {
            return Err(bad("w_zero", other as u64 & 0xff, "0, but in the innermost loop of MATMUL"));
        }
        let nest = Nest {
            loops: words[skip..]
                .iter()
                .map(|&w| Loop {
                    count: LOOP.get(w, "last") as u32 + 1,
                    gap: LOOP.get(w, "gap") as u8,
                    len: LOOP.get(w, "len") == 1,
                    d: ["d0", "d1", "d2", "d3", "d4"].map(|d| LOOP.get(w, d) as i32),
                })
                .collect(),
        };
        Ok(match unit {
            Unit::Matmul => {
                let get = |name| MATMUL.get(header, name);
                let hot = get("one_hot") == 1;
                if hot && (get("pad_en") == 1 || get("x_base") as usize >= 2 * CHUNK) {
                    return Err(bad("one_hot", get("x_base") as u64, "no padding, x_base 0 to 15"));
                }
                Instruction::Matmul(Matmul {
                    one_hot: hot.then(|| OneHot {
                        register: if get("x_base") & 1 == 0 { Register::Pos } else { Register::Tok },
                        row: (get("x_base") >> 1) as u8,
                        value: get("pad_value") as i8,
                    }),
                    x_base: if hot { 0 } else { get("x_base") as u32 },
                    w_base: get("w_base") as u32,
                    acc_base: get("acc_base") as u32,
                    w_sram: get("w_sram") == 1,
                    w_zero,
                    hold: get("hold") as u32,
                    reduce: get("reduce") as u32,
                    first: get("first") == 1,
                    last: get("last_en") == 1,
                    pad: (get("pad_en") == 1).then(|| Pad {
                        value: get("pad_value") as i8,
                        y_base: get("y_base") as i32,
                        x_base: get("x_index_base") as i32,
                        y_size: get("y_size") as u32,
                        x_size: get("x_size") as u32,
                    }),
                    nest,
                })
            }
            Unit::Post => {
                let get = |name| POST.get(header, name);
                if get("mode") != 0 {
                    return Err(bad("mode", get("mode") as u64, "0"));
                }
                Instruction::Post(Post {
                    dst_base: get("dst_base") as u32,
                    param_base: get("param_base") as u32,
                    dest: match get("dest") {
                        0 => PostDest::X,
                        1 => PostDest::WColumn,
                        2 => PostDest::WRow,
                        3 => PostDest::Out,
                        4 => PostDest::OutRaw32,
                        other => return Err(bad("dest", other as u64, "0 to 4")),
                    },
                    zero_point: get("zero_point") as i8,
                    lo: get("lo") as i8,
                    hi: get("hi") as i8,
                    lut: (get("lut_en") == 1).then(|| get("lut") as u32),
                    residual: residual.then(|| second_operand(get("res_base") as u32, words[1])),
                    nest,
                })
            }
            Unit::Load => {
                let get = |name| LOAD.get(header, name);
                Instruction::Load(Load {
                    dst_base: get("dst_base") as u32,
                    src_base: get("src_base") as u32,
                    rotate: get("rotate") as u32,
                    mask: get("mask") as u32,
                    fill: (get("fill_en") == 1).then(|| get("fill") as i8),
                    nest,
                })
            }
            Unit::Lane => {
                let get = |name| LANE.get(header, name);
                Instruction::Lane(Lane {
                    x_base: get("x_base") as u32,
                    tap_base: get("tap_base") as u32,
                    column: get("column") as u32,
                    line: get("line") as u32,
                    row: get("row") as u32,
                    tile: get("tile") as u32,
                    skip: get("skip") as u32,
                    skip_lines: get("skip_lines") as u32,
                    zero_point: get("zero_point") as i8,
                    y_base: get("y_base") as i32,
                    x_index_base: get("x_index_base") as i32,
                    y_size: get("y_size") as u32,
                    x_size: get("x_size") as u32,
                    nest,
                })
            }
            Unit::Vector => {
                let get = |name| VECTOR.get(header, name);
                let ops = |name| VECTOR_OPS.get(words[1], name) as usize;
                fn pick<T: Copy>(all: &[T], code: usize) -> Result<T, (u64, usize)> {
                    all.get(code).copied().ok_or((code as u64, all.len() - 1))
                }
                let say = |name: &'static str| move |(found, most): (u64, usize)| bad(name, found, &format!("0 to {most}"));
                let (lane_lo, lane_n) = (get("lane_lo") as u32, ops("lane_n") as u32);
                if lane_n == 0 || lane_lo + lane_n > 32 {
                    return Err(bad("lane_n", lane_n.into(), "1 to 32 - lane_lo"));
                }
                Instruction::Vector(Vector {
                    a_base: get("a_base") as u32,
                    b_base: get("b_base") as u32,
                    c_base: get("c_base") as u32,
                    dst_base: get("dst_base") as u32,
                    param_base: get("param_base") as u32,
                    s_base: get("s_base") as u32,
                    red_base: get("red_base") as u32,
                    zero_point: get("zero_point") as i8,
                    lo: get("lo") as i8,
                    hi: get("hi") as i8,
                    append: get("append") == 1,
                    tail: get("tail") == 1,
                    tail_row: ops("tail_row") as u8,
                    red_fixed: get("red_fixed") == 1,
                    s_fixed: get("s_fixed") == 1,
                    reduce: get("reduce") as u32,
                    lane_lo,
                    lane_n,
                    src: pick(Source::ALL, ops("src")).map_err(say("src"))?,
                    mul1: pick(Mul1::ALL, ops("mul1")).map_err(say("mul1"))?,
                    mul2: pick(Mul2::ALL, ops("mul2")).map_err(say("mul2"))?,
                    add: pick(Add::ALL, ops("add")).map_err(say("add"))?,
                    function: match ops("fn_en") {
                        0 => None,
                        _ => Some(pick(Function::ALL, ops("fn")).map_err(say("fn"))?),
                    },
                    mul3: pick(Mul3::ALL, ops("mul3")).map_err(say("mul3"))?,
                    dest: pick(VectorDest::ALL, ops("dest")).map_err(say("dest"))?,
                    max: pick(MaxOf::ALL, ops("max")).map_err(say("max"))?,
                    sum: pick(SumOf::ALL, ops("sum")).map_err(say("sum"))?,
                    nest,
                })
            }
            Unit::Scalar => {
                let get = |name| SCALAR.get(header, name);
                let op = ScalarOp::ALL.get(get("op") as usize).copied().ok_or_else(|| bad("op", get("op") as u64, "0 to 4"))?;
                Instruction::Scalar(Scalar {
                    op,
                    a_base: get("a_base") as u32,
                    b_base: get("b_base") as u32,
                    dst_base: get("dst_base") as u32,
                    imm: (get("imm_en") == 1).then(|| F24::from_bits(get("imm") as u32)),
                    nest,
                })
            }
            _ => Instruction::Store(Store {
                dst_base: STORE.get(header, "dst_base") as u32,
                src_base: STORE.get(header, "src_base") as u32,
                nest,
            }),
        })
    }
}

impl Program {
    /// The predicted cycle count where LENC is 0: the cycle of END. 0 for an empty program.
    pub fn cycles(&self) -> u64 {
        self.rows.last().map_or(0, |r| r.cycle)
    }

    /// The program as it runs where LENC is `lenc`: loops have their iterations, rows behind a WAIT come later, and there
    /// is no WAIT any more.
    pub fn at(&self, lenc: u32) -> Program {
        let mut late = 0;
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            if let Instruction::Wait(w) = &row.instruction {
                late += u64::from(w.each) * u64::from(lenc);
                continue;
            }
            let mut row = Row { cycle: row.cycle + late, instruction: row.instruction.clone() };
            if let Some(nest) = row.instruction.nest_mut() {
                *nest = nest.at(lenc);
            }
            rows.push(row);
        }
        Program { rows }
    }

    /// Cycles that each unit of LENC adds: the run takes `cycles() + lenc * each`.
    pub fn each(&self) -> u64 {
        self.rows.iter().map(|r| if let Instruction::Wait(w) = &r.instruction { u64::from(w.each) } else { 0 }).sum()
    }

    /// The timetable words and the descriptor words. Equal descriptors are stored once.
    ///
    /// # Errors
    /// [`IsaError::FieldRange`], [`IsaError::LoopCount`].
    pub fn encode(&self) -> Result<(Vec<u64>, Vec<u128>), IsaError> {
        Program::encode_all(std::slice::from_ref(self))
    }

    /// The same of several programs, one behind the other. A run of one begins at its first row: the register ENTRY.
    ///
    /// # Errors
    /// [`IsaError::BadEncoding`] where one has a row in cycle 0 and another has none: a run that launches behind another takes
    /// the sequencer's word for it that the first row is as before. What [`Program::encode`] says.
    pub fn encode_all(programs: &[Program]) -> Result<(Vec<u64>, Vec<u128>), IsaError> {
        let mut rows = Vec::new();
        let mut descs: Vec<u128> = Vec::new();
        let mut known = std::collections::HashMap::<Vec<u128>, usize>::new();
        let at_once = |p: &Program| p.rows.first().is_some_and(|r| r.cycle == 0);
        if let Some(other) = programs.iter().position(|p| at_once(p) != at_once(&programs[0])) {
            return Err(IsaError::BadEncoding {
                what: format!("first row of program {other}: cycle"),
                found: programs[other].rows.first().map_or(0, |r| r.cycle),
                legal: "0 in all programs of an image, or in none".into(),
            });
        }
        for row in programs.iter().flat_map(|p| &p.rows) {
            let words = row.instruction.encode()?;
            let at = *known.entry(words.clone()).or_insert_with(|| {
                let at = descs.len();
                descs.extend(&words);
                at
            });
            let mut word = 0;
            ROW.set(&mut word, "cycle", row.cycle as i64)?;
            let desc = match &row.instruction {
                Instruction::Wait(w) => w.each.into(),
                _ if words.is_empty() => 0,
                _ => at as i64,
            };
            ROW.set(&mut word, "desc", desc)?;
            ROW.set(&mut word, "words", words.len() as i64)?;
            ROW.set(&mut word, "unit", row.instruction.unit() as i64)?;
            rows.push(word as u64);
        }
        Ok((rows, descs))
    }

    /// The program that timetable and descriptors encode.
    ///
    /// # Errors
    /// [`IsaError::BadEncoding`] with the row, or what [`Instruction::decode`] says.
    pub fn decode(timetable: &[u64], descs: &[u128]) -> Result<Program, IsaError> {
        let mut rows = Vec::with_capacity(timetable.len());
        for (n, &word) in timetable.iter().enumerate() {
            let get = |name| ROW.get(word.into(), name);
            let unit = *Unit::ALL.get(get("unit") as usize).ok_or_else(|| IsaError::BadEncoding {
                what: format!("row {n}: unit"),
                found: get("unit") as u64,
                legal: "0 to 9".into(),
            })?;
            let (at, len) = (get("desc") as usize, get("words") as usize);
            if unit == Unit::Wait {
                rows.push(Row { cycle: get("cycle") as u64, instruction: Instruction::Wait(Wait { each: at as u32 }) });
                continue;
            }
            let words = descs.get(at..at + len).ok_or_else(|| IsaError::BadEncoding {
                what: format!("row {n}: descriptor end"),
                found: (at + len) as u64,
                legal: format!("at most {}", descs.len()),
            })?;
            rows.push(Row { cycle: get("cycle") as u64, instruction: Instruction::decode(unit, words)? });
        }
        Ok(Program { rows })
    }

    /// Its programs, each with the row in which it begins: behind each END another.
    pub fn split(self) -> Vec<(u32, Program)> {
        let mut programs = Vec::new();
        let mut rows = Vec::new();
        let count = self.rows.len();
        for (n, row) in self.rows.into_iter().enumerate() {
            let end = row.instruction == Instruction::End || n + 1 == count;
            rows.push(row);
            if end {
                programs.push(((n + 1 - rows.len()) as u32, Program { rows: std::mem::take(&mut rows) }));
            }
        }
        programs
    }
}
