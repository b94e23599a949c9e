// SPDX-License-Identifier: Apache-2.0
//! Async driver for the Systole chip over a Transport.
