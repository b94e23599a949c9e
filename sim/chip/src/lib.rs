// SPDX-License-Identifier: Apache-2.0
//! The Systole chip in simulation: configurations and the RTL transport.
