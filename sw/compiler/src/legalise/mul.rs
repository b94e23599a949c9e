// SPDX-License-Identifier: Apache-2.0
//! Products of two maps: POST multiplies the values of a stage with an operand that it reads from X, pixel by pixel, or the same
//! pixel for all.

use super::{Made, Stager};
use crate::product::{ProductConstants, choose_product};
use crate::stage::Meeting;
use systole_model::Product;
use systole_model::approximation::Form;
use systole_model::graph::{MapId, Operand};

impl Stager<'_> {
    /// The stage that ends in the product of layer `i`.
    pub(super) fn mul(&mut self, i: usize, a: Operand, b: Operand, product: &Product, ends: (i8, i8)) -> Result<usize, String> {
        if a.map == b.map {
            let table = std::array::from_fn(|code| product.reference(code as u8 as i8, code as u8 as i8));
            return self.lookup(i, a.map, &table, ends);
        }
        for map in [a.map, b.map] {
            if matches!(self.made[map], Made::Constant(_)) {
                self.tensor(map)?;
            }
        }
        let shape = |map: MapId| self.graph.maps[map].shape;
        let by_channel = shape(b.map) != shape(a.map);
        // The value that POST has and the one that it reads: one pixel for all can only be read.
        let swapped = !by_channel && self.age(b.map) > self.age(a.map);
        let (value, read) = if swapped { (b, a) } else { (a, b) };
        let stage = self.meeting_stage(i, value.map, read.map, "product of maps")?;
        self.clamp_first(stage);
        let mut constants = choose_product(product, ends.0, ends.1);
        let ProductConstants { m, offset, shift, zero_point, differing_codes, .. } = constants;
        let form = Form::Product { m: m.into(), offset, shift, zero_point };
        self.inexact(i, "product of maps", differing_codes, 65536, form);
        if swapped {
            constants.zeros.reverse();
        }
        self.meet(stage, read.map, Meeting::Mul(constants), ends)?;
        Ok(stage)
    }
}
