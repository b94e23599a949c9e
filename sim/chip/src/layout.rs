// SPDX-License-Identifier: Apache-2.0
//! What a viewer shows of a wave when it opens: the units, in order of the data path, each with the signals that say what it does.
//! Written beside the wave, for GTKWave and for Surfer, from the names that are in the wave: units that a configuration does
//! not have are left out.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use systole_files::FileError;
use wellen::{Hierarchy, LoadOptions, VarRef, viewers};

/// A group: its title, its scope below `systole_top`, and its signals.
const GROUPS: [(&str, &str, &[&str]); 12] = [
    ("run", "u_core.u_sequencer", &["clk_i", "cycle_o", "waves.state_name", "row_o", "waves.row_unit_name"]),
    ("run control", "u_host.u_control", &["status_o", "error_o", "arm_o", "next_o", "done_i"]),
    ("instruction words", "u_core.u_sequencer", &["desc_valid_o", "desc_unit_o", "desc_index_o", "start_o"]),
    ("LOAD", "u_core.u_load", &["active_o", "we_o", "addr_o", "mask_o", "data_o"]),
    ("MATMUL", "u_core.u_rows.u_matmul", &["active_o", "r_en_o", "r_addr_o", "x_valid_o", "x_addr_o", "x_pad_o", "x_load_o"]),
    ("accumulators", "u_core.u_results.u_acc", &["valid_i", "addr_i", "first_i", "last_i", "sum_i", "last_o", "total_o"]),
    ("lane engine", "u_core.u_results.g_lane.u_lane", &["active_o", "read_o", "read_addr_o", "take_o", "total_o"]),
    ("POST", "u_core.u_results.u_post", &["take_i", "total_i", "out_valid_o", "out_dest_o", "out_addr_o", "out_data_o"]),
    (
        "vector unit",
        "u_core.u_results.g_vector.u_vector",
        &["active_o", "take_i", "out_valid_o", "out_dest_o", "out_addr_o", "out_data_o"],
    ),
    ("STORE", "u_core.u_store", &["active_o", "read_o", "read_addr_o", "we_o", "waddr_o"]),
    ("OUT", "u_host.u_out", &["we_i", "addr_i", "data_i", "m_tvalid_o", "m_tready_i", "m_tlast_o"]),
    (
        "RRAM controller",
        "u_image.g_rram.u_rram",
        &["u_engine.rom_addr_o", "u_engine.waves.state_name", "u_program.waves.state_name", "busy_o"],
    ),
];

/// A signal as a viewer names it.
struct Shown {
    /// With its scopes, without its range.
    name: String,
    /// `[31:0]`, or nothing where it has one bit.
    range: String,
    /// Its values have names, which viewers show by themselves.
    named: bool,
}

/// The signals of a group that a wave has. Scopes of the simulator stand around the chip's.
fn signals(hierarchy: &Hierarchy, scope: &str, names: &[&str]) -> Vec<Shown> {
    let find = |name: &str| -> Option<VarRef> {
        let wanted = format!("systole_top.{scope}.{name}");
        hierarchy.all_vars().find(|&v| {
            let full = hierarchy[v].full_name(hierarchy);
            full.strip_suffix(&wanted).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    };
    let shown = |var: VarRef| {
        let var = &hierarchy[var];
        let range = var.index().filter(|_| var.length(hierarchy) != Some(1));
        Shown {
            name: var.full_name(hierarchy),
            range: range.map_or_else(String::new, |r| format!("[{}:{}]", r.msb(), r.lsb())),
            named: var.enum_type(hierarchy).is_some(),
        }
    };
    names.iter().filter_map(|name| find(name)).map(shown).collect()
}

/// GTKWave's save file. Flags of a line's signals: 0x200 a comment, 0x22 hexadecimal, 0x24 decimal, 0x28 bits.
fn gtkwave(wave: &Path, groups: &[(&str, Vec<Shown>)]) -> String {
    let mut text = format!("[dumpfile] \"{}\"\n[size] 1500 900\n[sst_expanded] 0\n", wave.display());
    for (title, signals) in groups {
        let _ = writeln!(text, "@200\n-{title}");
        for s in signals {
            let decimal = s.named || ["cycle_o", "row_o", "addr_o", "addr_i"].iter().any(|n| s.name.ends_with(n));
            let flags = if s.range.is_empty() {
                "28"
            } else if decimal {
                "24"
            } else {
                "22"
            };
            let _ = writeln!(text, "@{flags}\n{}{}", s.name, s.range);
        }
    }
    text
}

/// Surfer's commands.
fn surfer(groups: &[(&str, Vec<Shown>)]) -> String {
    let mut text = String::new();
    for (title, signals) in groups {
        let _ = writeln!(text, "divider_add {title}");
        for s in signals {
            let _ = writeln!(text, "variable_add {}", s.name);
        }
    }
    text + "zoom_fit\n"
}

/// Writes `W.gtkw` and `W.sucl` beside `W.fst`, unless they are there: a layout that somebody has made stays.
///
/// # Errors
/// A wave that cannot be read, as the I/O error of its path; a file that cannot be written.
pub(crate) fn write(wave: &Path) -> Result<Vec<PathBuf>, FileError> {
    let header = viewers::read_header_from_file(wave, &LoadOptions::default())
        .map_err(|e| FileError::at(wave)(std::io::Error::other(format!("not read as a wave: {e}"))))?;
    let found = GROUPS.iter().map(|&(title, scope, names)| (title, signals(&header.hierarchy, scope, names)));
    let groups: Vec<(&str, Vec<Shown>)> = found.filter(|g| !g.1.is_empty()).collect();
    let mut written = vec![];
    for (ending, text) in [("gtkw", gtkwave(wave, &groups)), ("sucl", surfer(&groups))] {
        let path = wave.with_extension(ending);
        if !path.exists() {
            systole_files::write(&path, text.as_bytes())?;
            written.push(path);
        }
    }
    Ok(written)
}
