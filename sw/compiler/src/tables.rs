// SPDX-License-Identifier: Apache-2.0
//! Where the tables of a network lie: in RRAM, their rows picked by registers in the run, or with the host, whose rows come with the
//! frame (docs/recommenders.md, "Tables in RRAM").

use crate::CompileError;
use systole_isa::Config;
use systole_isa::regs::TOKENS;
use systole_model::graph::Graph;

/// Who takes the rows of tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tables {
    /// The machine, for as many inputs as have room in its RRAM and registers, in their order; the host for the others.
    #[default]
    Auto,
    /// The machine for all of them, or an error.
    Rram,
    /// The host.
    Host,
}

/// The graph with layers for the rows that the machine takes.
///
/// # Errors
/// With [`Tables::Rram`] what stands against it: [`CompileError::Unsupported`] for a machine without registers, more indices than
/// there are registers, a table with more rows than a register can name; [`CompileError::DoesNotFit`] for what has no room.
pub fn place_tables(graph: &Graph, config: &Config, tables: Tables) -> Result<Graph, CompileError> {
    let all = graph.host_tables();
    if all.is_empty() || tables == Tables::Host {
        return Ok(graph.clone());
    }
    let inputs: Vec<usize> = all.iter().map(|t| t.0).collect();
    let whole = graph.with_tables(&inputs);
    if tables == Tables::Rram {
        crate::fits(&whole, config)?;
        return Ok(whole);
    }
    if config.vec_lanes == 0 {
        return Ok(graph.clone());
    }
    // What has no registers is not compiled to find that out.
    let fits = |graph: &Graph| graph.indices().count() <= TOKENS.len() && crate::fits(graph, config).is_ok();
    if fits(&whole) {
        return Ok(whole);
    }
    let (mut chosen, mut best) = (vec![], graph.clone());
    for (input, _) in all {
        let more = graph.with_tables(&[chosen.as_slice(), &[input]].concat());
        if fits(&more) {
            best = more;
            chosen.push(input);
        }
    }
    Ok(best)
}
