// SPDX-License-Identifier: Apache-2.0
//! x f(x) with QuantizeLinear and DequantizeLinear behind f, as exporters write SiLU, HardSwish and GELU: two operands that go back to
//! one tensor through tables depend on one code. ONNX Runtime fuses the product as one of two tensors (QDQ's BinarySelector).

use crate::onnx::fuse::value::Table;

/// A map as a function of the codes of another one that it was looked up from.
pub struct Chain {
    pub table: [i8; 256],
    /// Codes, as u8, of which a look-up on the way may give another result in ONNX Runtime.
    pub doubtful: Vec<u8>,
}

impl Chain {
    /// The values that a table of these codes has, and how far off they may be, by the code it all depends on.
    pub fn values(&self, t: &Table) -> Option<[(f32, f32); 256]> {
        let (values, errors) = (t.values()?, t.errors());
        Some(std::array::from_fn(|i| {
            let at = self.table[i];
            let v = values[usize::from(at as u8)];
            let step = |to: i8| (values[usize::from(to as u8)] - v).abs();
            let off = step(at.saturating_add(1)).max(step(at.saturating_sub(1)));
            let doubt = if self.doubtful.contains(&(i as u8)) { off } else { 0.0 };
            (v, errors[usize::from(at as u8)] + doubt)
        }))
    }
}
