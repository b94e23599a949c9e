// SPDX-License-Identifier: Apache-2.0
//! The formats of timetable rows, descriptors and parameters.
//!
//! A descriptor is a header of one or two 128-bit words, followed by one word for each
//! loop, innermost first. docs/isa.md gives the action of each unit.

use crate::field::{Field, Format, f, s};

/// A row of the timetable: at `cycle`, fetch `words` descriptor words from `desc` for `unit`.
pub const ROW: Format = Format {
    name: "row",
    bits: 64,
    fields: &[
        f("cycle", 0, 32, "cycle after launch in which the row acts"),
        f("desc", 32, 16, "address of the first descriptor word; of WAIT: cycles for each unit of LENC"),
        f("words", 48, 4, "descriptor words: headers and loops; 0 for END and WAIT"),
        f("unit", 52, 4, "unit: 0 END, 1 MATMUL, 2 POST, 3 LOAD, 4 STORE, 5 SCRUB, 6 LANE, 7 VECTOR, 8 SCALAR, 9 WAIT"),
    ],
};

/// Bits of the size of a map that bounds an index: padded maps have at most `2^INDEX_BITS - 1` rows and columns.
pub const INDEX_BITS: u32 = 14;

/// One loop of a nest. The deltas are jumps: what an address gains when this loop steps
/// and every inner loop returns to its start.
pub const LOOP: Format = Format {
    name: "loop",
    bits: 128,
    fields: &[
        f("last", 0, 14, "iterations - 1"),
        f("gap", 14, 8, "idle cycles inserted when this loop steps (ignored by POST)"),
        s("d0", 22, 18, "jump of address 0: MATMUL X, LANE X, destination of others"),
        s("d1", 40, 18, "jump of address 1: MATMUL W, LANE tap word, POST and VECTOR parameter, LOAD / STORE source, SCALAR a"),
        s("d2", 58, 18, "jump of address 2: MATMUL accumulator, POST residual operand, VECTOR a, SCALAR b"),
        s("d3", 76, 16, "jump of the bounded index y (MATMUL, LANE); VECTOR b and c"),
        s("d4", 92, 16, "jump of the bounded index x (MATMUL, LANE); VECTOR scalar"),
        f("len", 108, 1, "LENC more iterations; the outermost loop only"),
        s("w_zero", 109, 8, "MATMUL: zero point of the weights, subtracted from each as it is loaded; the innermost loop only"),
    ],
};

/// MATMUL header.
pub const MATMUL: Format = Format {
    name: "matmul",
    bits: 128,
    fields: &[
        f("x_base", 0, 16, "X word address of the first step"),
        f("w_base", 16, 16, "W word address of the first step"),
        f("acc_base", 32, 12, "accumulator address of the first step"),
        f("w_sram", 44, 1, "weights from W SRAM instead of RRAM"),
        s("pad_value", 45, 8, "the byte that every row multiplies where padded: the input's zero point"),
        s("y_base", 53, INDEX_BITS + 1, "index y of the first step"),
        s("x_index_base", 68, INDEX_BITS + 1, "index x of the first step"),
        f("y_size", 83, INDEX_BITS, "a step with y outside 0 .. y_size-1 is padded"),
        f("x_size", 97, INDEX_BITS, "a step with x outside 0 .. x_size-1 is padded"),
        f(
            "one_hot",
            111,
            1,
            "X is not read: row (entry mod R) multiplies pad_value, others 0; x_base bit 0: entry is 0 POS + r, 1 the token of row r; bits 3:1: r",
        ),
        f("loops", 112, 3, "loops, 1 to 7"),
        f(
            "reduce",
            115,
            7,
            "loops that run over K: the sum starts where all are at their first, ends where all are at their last iteration",
        ),
        f("first", 122, 1, "the reduction starts here: the first vector of a sum ignores the accumulator"),
        f("last_en", 123, 1, "the reduction ends here: the last vector of a sum goes to POST"),
        f("pad_en", 124, 1, "padding by the bounded indices is on"),
        f("hold", 125, 3, "loops below this one share a weight word; a step of it or of an outer loop loads the next"),
    ],
};

/// POST header, first word.
pub const POST: Format = Format {
    name: "post",
    bits: 128,
    fields: &[
        f("dst_base", 0, 16, "destination address of the first vector, in C-byte words (see dest)"),
        f("param_base", 16, 16, "parameter word of the first vector"),
        f("res_base", 32, 16, "X address of the first residual operand, in C-byte words"),
        f("dest", 48, 3, "0 X, 1 W SRAM by column, 2 W SRAM by row, 3 OUT int8, 4 OUT RAW32"),
        f("mode", 51, 1, "requantiser: 0 ONNX Runtime; 1 is reserved for TFLite"),
        s("zero_point", 52, 8, "zero point of the requantised value"),
        s("lo", 60, 8, "lower clamp of the result"),
        s("hi", 68, 8, "upper clamp of the result"),
        f("lut_en", 76, 1, "lookup on"),
        f("lut", 77, 4, "lookup table"),
        f("res_en", 81, 1, "second operand on: the header has a second word"),
        f("loops", 112, 3, "loops, 1 to 4"),
    ],
};

/// POST header, second word, present where `res_en`.
pub const RESIDUAL: Format = Format {
    name: "residual",
    bits: 128,
    fields: &[
        s("ma", 0, 26, "multiplier of the requantised (and looked up) value"),
        s(
            "mb",
            26,
            26,
            "multiplier of the residual operand; with `mul` zero points, of the value in bits 33:26, of the operand in 41:34",
        ),
        s("offset", 52, 48, "added to the sum of products: zero points of the operands and correction"),
        f("shift", 100, 6, "the sum is divided by 2^shift, rounding half to even; 0 to 40"),
        s("sum_zero_point", 106, 8, "zero point of the sum, added after rounding"),
        f("max", 114, 1, "the larger of value and operand in place of the sum"),
        f("mul", 115, 1, "their product, zero points subtracted, times ma in place of the sum of products"),
    ],
};

/// LANE header.
pub const LANE: Format = Format {
    name: "lane",
    bits: 128,
    fields: &[
        f("x_base", 0, 16, "X address of the first step, in C-byte words"),
        f("tap_base", 16, 16, "tap word of the first step"),
        f("column", 32, 5, "loops of columns between results: a result's last column is where all are at their last iteration"),
        f("line", 37, 5, "loops of lines between results: a result's last line is where all are at their last iteration"),
        f("row", 42, 5, "loops along a line: where all are at their first iteration, a line starts"),
        f("tile", 47, 5, "loops of one C-byte word: where all are at their first iteration, it has no lines above"),
        s("y_base", 52, INDEX_BITS + 1, "index y of the first step"),
        s("x_index_base", 67, INDEX_BITS + 1, "index x of the first step"),
        f("y_size", 82, INDEX_BITS, "a step with y outside 0 .. y_size-1 stands for zeros"),
        f("x_size", 96, INDEX_BITS, "a step with x outside 0 .. x_size-1 stands for zeros"),
        f("loops", 112, 3, "loops, 1 to 5"),
        s("zero_point", 115, 8, "the input's zero point, subtracted from each byte"),
        f("skip", 123, 2, "results of each line that are left out"),
        f("skip_lines", 125, 2, "lines of results of each C-byte word that are left out"),
    ],
};

/// LOAD header.
pub const LOAD: Format = Format {
    name: "load",
    bits: 128,
    fields: &[
        f("dst_base", 0, 16, "X address of the first step, in C-byte words"),
        f("src_base", 16, 18, "IN byte address of the first step"),
        f("rotate", 34, 5, "lane j takes source byte (j - rotate) mod C"),
        f("mask", 39, 32, "lanes that are written"),
        f("fill_en", 71, 1, "write `fill` instead of IN bytes"),
        s("fill", 72, 8, "the constant"),
        f("loops", 112, 3, "loops, 1 to 4"),
    ],
};

/// STORE header.
pub const STORE: Format = Format {
    name: "store",
    bits: 128,
    fields: &[
        f("dst_base", 0, 16, "OUT word of the first step"),
        f("src_base", 16, 16, "X address of the first step, in C-byte words"),
        f("loops", 112, 3, "loops, 1 to 4"),
    ],
};

/// SCRUB header: there is no other word.
pub const SCRUB: Format = Format {
    name: "scrub",
    bits: 128,
    fields: &[f("lines", 0, 12, "lines of RRAM to look at, at least 1"), f("loops", 112, 3, "0")],
};

/// VECTOR header, first word.
pub const VECTOR: Format = Format {
    name: "vector",
    bits: 128,
    fields: &[
        f("a_base", 0, 16, "V word of the first operand a"),
        f("b_base", 16, 16, "V word of the first operand b"),
        f("c_base", 32, 16, "V word of the first operand c"),
        f("dst_base", 48, 16, "destination of the first result (see dest)"),
        f("param_base", 64, 12, "parameter word of the first step"),
        f("s_base", 76, 6, "S register that the first step reads"),
        f("red_base", 82, 6, "S register of the first reduction"),
        s("zero_point", 88, 8, "zero point of codes"),
        s("lo", 96, 8, "lower clamp of codes"),
        s("hi", 104, 8, "upper clamp of codes"),
        f("loops", 112, 3, "loops, 1 to 4"),
        f("append", 115, 1, "the register POS is added to dst_base"),
        f("tail", 116, 1, "at the last iteration of the outermost loop, lanes beyond POS mod C + tail_row are the lowest number"),
        f("red_fixed", 117, 1, "every reduction goes to red_base; else to red_base + what the scalar address has gained"),
        f("reduce", 118, 4, "loops that a reduction runs over"),
        f("lane_lo", 122, 5, "first lane that counts"),
        f("s_fixed", 127, 1, "every step reads s_base; else s_base + what the scalar address has gained"),
    ],
};

/// VECTOR header, second word.
pub const VECTOR_OPS: Format = Format {
    name: "vector_ops",
    bits: 128,
    fields: &[
        f("src", 0, 2, "operand a: 0 sums of the array, 1 V"),
        f("mul1", 2, 2, "m1 = a * .. 0 one, 1 the parameter's scale, 2 b, 3 a"),
        f("mul2", 4, 2, "m2 = m1 * .. 0 one, 1 scalar, 2 c; 3: partner(a) * c"),
        f("add", 6, 3, "s = m2 + .. 0 zero, 1 -scalar, 2 the parameter's bias, 3 c, 4 m1"),
        f("fn_en", 9, 1, "function on"),
        f("fn", 10, 2, "0 exp2, 1 sigmoid, 2 Phi, 3 exp2 times 128"),
        f("mul3", 12, 2, "f = fn(s) * .. 0 one, 1 s, 2 b, 3 scalar"),
        f("dest", 14, 3, "0 none, 1 V, 2 X, 3 W SRAM by column, 4 W SRAM by row, 5 OUT int8, 6 OUT float32"),
        f("max", 17, 2, "reduction of s: 0 none, 1 largest, 2 largest magnitude, 3 largest and where it is (ARGMAX)"),
        f("sum", 19, 2, "sum of 0 none, 1 code, 2 t, 3 t * t"),
        f("lane_n", 21, 6, "lanes that count, from lane_lo on; 1 to 32"),
        f("tail_row", 27, 3, "see tail"),
    ],
};

/// SCALAR header.
pub const SCALAR: Format = Format {
    name: "scalar",
    bits: 128,
    fields: &[
        f("op", 0, 3, "0 a * b, 1 a + b, 2 max(a, b), 3 1 / a, 4 1 / sqrt(a)"),
        f("a_base", 3, 6, "S register of the first operand a"),
        f("b_base", 9, 6, "S register of the first operand b"),
        f("dst_base", 15, 6, "S register of the first result"),
        f("imm_en", 21, 1, "b is the constant"),
        f("imm", 22, 24, "the constant, F24"),
        f("loops", 112, 3, "loops, 1 or 2"),
    ],
};

/// Parameters of one lane in a parameter word of the vector unit.
pub const VECTOR_PARAM: Format =
    Format { name: "vector_param", bits: 64, fields: &[f("scale", 0, 24, "F24"), f("bias", 24, 24, "F24")] };

/// A segment of one of the vector unit's functions.
pub const SEGMENT: Format = Format {
    name: "segment",
    bits: 64,
    fields: &[
        f("base", 0, 20, "value at the segment's start, in 2^-19"),
        s("slope", 20, 16, "what it gains over the segment, in 2^-19"),
    ],
};

/// Parameters of one channel.
pub const PARAM: Format = Format {
    name: "param",
    bits: 64,
    fields: &[
        s("bias", 0, 32, "added to the accumulator, zero point of the input folded in"),
        f("q", 32, 24, "mantissa of the scale, 2^23 <= q < 2^24"),
        f("shift", 56, 6, "scale = q * 2^-shift"),
    ],
};

/// The taps of one lane for one line of the window, of nine bits: uint8 weights less their zero point fit; a tap word has three of them, newest line first, and one unused.
pub const TAP: Format = Format {
    name: "tap",
    bits: 64,
    fields: &[
        s("w0", 0, 9, "weight of the result that this column completes"),
        s("w1", 9, 9, "weight of the result that the next column completes"),
        s("w2", 18, 9, "weight of the one after"),
    ],
};

/// Every format, in the order of the documents.
pub const FORMATS: [&Format; 16] = [
    &ROW,
    &LOOP,
    &MATMUL,
    &LANE,
    &POST,
    &RESIDUAL,
    &LOAD,
    &STORE,
    &SCRUB,
    &VECTOR,
    &VECTOR_OPS,
    &SCALAR,
    &PARAM,
    &TAP,
    &VECTOR_PARAM,
    &SEGMENT,
];

/// Fields of `format` that overlap or leave its word; empty in a correct table.
pub fn overlaps(format: &Format) -> Vec<(&'static Field, &'static Field)> {
    let mut bad = Vec::new();
    for (i, a) in format.fields.iter().enumerate() {
        if a.lsb + a.width > format.bits {
            bad.push((a, a));
        }
        for b in &format.fields[i + 1..] {
            if a.lsb < b.lsb + b.width && b.lsb < a.lsb + a.width {
                bad.push((a, b));
            }
        }
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_one_header_share_no_name() {
        // A listing gives a field by its name alone.
        assert!(VECTOR_OPS.fields.iter().all(|r| VECTOR.fields.iter().all(|p| p.name != r.name)));
        assert!(RESIDUAL.fields.iter().all(|r| POST.fields.iter().all(|p| p.name != r.name)));
    }

    #[test]
    fn no_fields_overlap() {
        for format in FORMATS {
            assert_eq!(overlaps(format), vec![], "{}", format.name);
        }
    }
}
