// SPDX-License-Identifier: Apache-2.0
//! Bit fields of instruction words: one table row a field.

use crate::IsaError;

/// A field of a 128-bit (or narrower) word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name in lower snake case.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Bits, at most 63.
    pub width: u32,
    /// Two's complement?
    pub signed: bool,
    /// Meaning and unit.
    pub doc: &'static str,
}

/// A word format: a name and its fields, lowest first.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Name in lower snake case.
    pub name: &'static str,
    /// Bits of the word.
    pub bits: u32,
    /// Its fields.
    pub fields: &'static [Field],
}

impl Field {
    /// Smallest and largest legal value.
    pub fn range(&self) -> (i64, i64) {
        if self.signed { (-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1) } else { (0, (1 << self.width) - 1) }
    }
}

impl Format {
    /// The field of that name.
    ///
    /// # Panics
    /// When the table has no such field: a spelling mistake in this crate.
    pub fn field(&self, name: &str) -> &'static Field {
        self.fields.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("{} has no field {name}", self.name))
    }

    /// Writes `value` into the field `name` of `word`.
    ///
    /// # Errors
    /// [`IsaError::FieldRange`].
    pub fn set(&self, word: &mut u128, name: &str, value: i64) -> Result<(), IsaError> {
        let field = self.field(name);
        let (min, max) = field.range();
        if !(min..=max).contains(&value) {
            return Err(IsaError::FieldRange { what: format!("{}.{name}", self.name), value, min, max });
        }
        let mask = (1u128 << field.width) - 1;
        *word &= !(mask << field.lsb);
        *word |= (value as u128 & mask) << field.lsb;
        Ok(())
    }

    /// Reads the field `name` of `word`.
    pub fn get(&self, word: u128, name: &str) -> i64 {
        let field = self.field(name);
        let mask = (1u128 << field.width) - 1;
        let raw = ((word >> field.lsb) & mask) as i64;
        if field.signed && raw >> (field.width - 1) & 1 == 1 { raw - (1i64 << field.width) } else { raw }
    }
}

/// One field; used by the tables in [`crate::format`].
pub(crate) const fn f(name: &'static str, lsb: u32, width: u32, doc: &'static str) -> Field {
    Field { name, lsb, width, signed: false, doc }
}

/// One signed field.
pub(crate) const fn s(name: &'static str, lsb: u32, width: u32, doc: &'static str) -> Field {
    Field { name, lsb, width, signed: true, doc }
}
