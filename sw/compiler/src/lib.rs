// SPDX-License-Identifier: Apache-2.0
//! From a quantised network to a timetable with exact cycles.
