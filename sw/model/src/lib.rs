// SPDX-License-Identifier: Apache-2.0
//! Quantised networks: shapes, scales, zero points. All floating point ends here.
