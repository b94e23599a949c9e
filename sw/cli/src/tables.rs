// SPDX-License-Identifier: Apache-2.0
//! Who takes the rows of a network's tables: the machine by registers, or the host.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use systole_compiler::{Tables, place_tables};
use systole_isa::Config;
use systole_model::graph::Graph;
use systole_model::tables::Table;

/// Where tables lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// In RRAM as far as registers and room go, the others with the host
    Auto,
    /// In RRAM, all of them, or an error
    Rram,
    /// With the host, whose rows come with the frame
    Host,
}

/// The option.
#[derive(Debug, Clone, Args)]
pub struct TablesArgs {
    /// Where tables lie that the network takes rows of by index
    #[arg(long, value_enum, value_name = "WHERE", default_value = "auto")]
    tables: Where,
}

impl TablesArgs {
    /// The graph with layers for the rows that the machine takes.
    ///
    /// # Errors
    /// What stands against tables in RRAM, where they must lie there.
    pub fn place(&self, graph: Graph, config: &Config) -> Result<Graph> {
        let tables = match self.tables {
            Where::Auto => Tables::Auto,
            Where::Rram => Tables::Rram,
            Where::Host => Tables::Host,
        };
        place_tables(&graph, config, tables).with_context(|| {
            format!("{}: its tables in RRAM (--tables auto leaves with the host what has no register or no room)", graph.name)
        })
    }
}

/// Tables in RRAM, and which input picks their rows.
fn list(graph: &Graph) -> Vec<(&Table, Vec<&str>)> {
    use systole_model::graph::Op;
    let inputs: Vec<&str> = graph.input.all().flat_map(|b| b.index.iter().map(|_| b.name.as_str())).collect();
    let by = |n: usize| {
        let picks = graph.layers.iter().filter_map(|l| if let Op::Rows { picks } = &l.op { Some(picks) } else { None }).flatten();
        let mut by: Vec<&str> = picks.filter(|p| p.table == n).map(|p| inputs[p.index]).collect();
        by.dedup();
        by
    };
    graph.tables.iter().enumerate().map(|(n, table)| (table, by(n))).collect()
}

/// A line for each table in RRAM.
pub fn lines(graph: &Graph) -> Vec<String> {
    let line = |(table, by): (&Table, Vec<&str>)| {
        let Table { name, width, quantiser, .. } = table;
        let codes = quantiser.map_or(String::new(), |(scale, zero)| format!(" (scale {scale}, zero point {zero})"));
        format!("  table in RRAM: {name}, {} rows of {width} codes{codes}, by {}", table.rows(), by.join(", "))
    };
    list(graph).into_iter().map(line).collect()
}

/// The same for programs.
pub fn json(graph: &Graph) -> Value {
    let table = |(table, by): (&Table, Vec<&str>)| {
        let (scale, zero) = table.quantiser.unzip();
        json!({"name": table.name, "rows": table.rows(), "width": table.width, "scale": scale, "zero_point": zero, "by": by})
    };
    list(graph).into_iter().map(table).collect()
}
