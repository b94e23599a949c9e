// SPDX-License-Identifier: Apache-2.0
//! The program `systole`.
fn main() {}
