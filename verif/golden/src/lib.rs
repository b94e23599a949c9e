// SPDX-License-Identifier: Apache-2.0
//! Operator reference and instruction-level model of Systole, with exact cycles.
