// SPDX-License-Identifier: Apache-2.0
//! Workloads, property tests, block test benches and reports for Systole.
