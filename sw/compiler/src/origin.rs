// SPDX-License-Identifier: Apache-2.0
//! What the rows of a timetable are for: the names that a picture of it writes on its bars.

/// By row of a program the part of the network that it works for, and the tensor that it writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    /// Parts of the network: the layers of a report, in its order; of a program on tokens its operators.
    pub names: Vec<String>,
    /// By part the number by which people know it: of a layer its place in the graph from 1 on, as `systole inspect` counts.
    pub numbers: Vec<usize>,
    /// By row the number of its part; `None` of END, SCRUB, WAIT and LOAD of a frame.
    pub parts: Vec<Option<usize>>,
    /// Tensors that rows write, by name.
    pub tensors: Vec<String>,
    /// By row the number of the tensor that it writes to X; `None` of what writes elsewhere, or where tensors have no names.
    pub writes: Vec<Option<usize>>,
}

impl Origins {
    /// Name of the part that a row works for.
    pub fn name(&self, row: usize) -> Option<&str> {
        let part = *self.parts.get(row)?;
        self.names.get(part?).map(String::as_str)
    }

    /// Name of the tensor that a row writes.
    pub fn tensor(&self, row: usize) -> Option<&str> {
        let tensor = *self.writes.get(row)?;
        self.tensors.get(tensor?).map(String::as_str)
    }

    /// Of a program without layers that a report names: the name of each part, and of each row, by its cycle, the part.
    pub(crate) fn of_parts(
        names: Vec<String>,
        rows: &[systole_isa::Row],
        parts: &std::collections::BTreeMap<u64, usize>,
    ) -> Origins {
        let parts = rows.iter().map(|r| parts.get(&r.cycle).copied()).collect();
        Origins { numbers: (1..=names.len()).collect(), names, parts, tensors: vec![], writes: vec![None; rows.len()] }
    }
}
