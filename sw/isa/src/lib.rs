// SPDX-License-Identifier: Apache-2.0
//! Instruction set, registers, latencies and configurations of Systole: the single source of truth.
