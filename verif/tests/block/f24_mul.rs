// SPDX-License-Identifier: Apache-2.0
//! Products of F24, against the golden model (docs/arithmetic.md).

use super::shared::f24::pairs;
use systole_golden::f24::F24;

#[test]
fn products_are_exact_and_rounded_once() {
    pairs("systole_f24_mul", 2, "p_o", 300_000, F24::mul);
}
