// SPDX-License-Identifier: Apache-2.0
//! Sums of F24, against the golden model (docs/arithmetic.md).

use super::shared::f24::pairs;
use systole_golden::f24::F24;

#[test]
fn sums_are_exact_and_rounded_once() {
    pairs("systole_f24_add", 5, "s_o", 400_000, F24::add);
}
