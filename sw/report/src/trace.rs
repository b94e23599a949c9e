// SPDX-License-Identifier: Apache-2.0
//! A timetable as a trace for Perfetto or chrome://tracing.

use crate::timetable::Timetable;
use serde_json::{Value, json};

/// The trace: a track for each unit, and further ones where effects of one row go on while those of the next begin, for slices
/// of one track must not overlap; a microsecond a cycle. `what` names the process, `texts` are the rows' listings.
pub fn trace(timetable: &Timetable, what: &str, texts: &[&str]) -> Value {
    let mut events = vec![json!({"ph": "M", "pid": 1, "name": "process_name", "args": {"name": what}})];
    for (n, track) in timetable.tracks.iter().enumerate() {
        let unit = track.unit.name();
        let thread = |lane: usize| 100 * n + lane + 1;
        for lane in 0..track.lanes() {
            let name = if lane == 0 { unit.to_string() } else { format!("{unit} ({})", lane + 1) };
            events.push(json!({"ph": "M", "pid": 1, "tid": thread(lane), "name": "thread_name", "args": {"name": name}}));
            events.push(json!({"ph": "M", "pid": 1, "tid": thread(lane), "name": "thread_sort_index", "args": {"sort_index": thread(lane)}}));
        }
        for bar in &track.bars {
            let text = texts.get(bar.row).map_or("", |t| t.trim());
            events.push(
                json!({"ph": "X", "pid": 1, "tid": thread(bar.lane), "name": bar.name.as_deref().unwrap_or(unit), "cat": unit,
                "ts": bar.first, "dur": bar.last + 1 - bar.first,
                "args": {"unit": unit, "row": bar.row, "first_cycle": bar.first, "last_cycle": bar.last, "instruction": text}}),
            );
        }
    }
    json!({"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"unit": "1 us is 1 cycle", "cycles": timetable.cycles}})
}
