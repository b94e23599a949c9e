// SPDX-License-Identifier: Apache-2.0
//! The file list of the chip for tools of others, from `rtl/systole.f`: with an environment variable for tools that know no path
//! beside a list, a core file of FuseSoC, a manifest of Bender.

use std::fmt::Write;

/// Files and include folders of a list, from its folder: a path a line, `+incdir+DIR`, `//`.
fn read(list: &str) -> (Vec<&str>, Vec<&str>) {
    let lines = || list.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//"));
    (lines().filter(|l| !l.starts_with('+')).collect(), lines().filter_map(|l| l.strip_prefix("+incdir+")).collect())
}

/// The lists, by their paths from the root of the project. `list` is `rtl/systole.f`, `headers` are the files of its include folder.
pub fn lists(list: &str, headers: &[String]) -> Vec<(&'static str, String)> {
    let (files, folders) = read(list);
    let mut env = String::from(
        "// Written by `make gen` from systole.f; do not edit. For tools that take paths from where they run, Icarus Verilog among\n\
         // them: with SYSTOLE_ROOT, the folder of the project, in the environment.\n",
    );
    folders.iter().for_each(|folder| env += &format!("+incdir+$(SYSTOLE_ROOT)/rtl/{folder}\n"));
    files.iter().for_each(|file| env += &format!("$(SYSTOLE_ROOT)/rtl/{file}\n"));

    let mut bender = String::from(
        "# SPDX-License-Identifier: Apache-2.0\n# Written by `make gen` from rtl/systole.f; do not edit.\npackage:\n  name: systole\n\nexport_include_dirs:\n",
    );
    folders.iter().for_each(|folder| bender += &format!("  - rtl/{folder}\n"));
    bender += "\nsources:\n  - include_dirs:\n";
    folders.iter().for_each(|folder| bender += &format!("      - rtl/{folder}\n"));
    bender += "    files:\n";
    files.iter().for_each(|file| bender += &format!("      - rtl/{file}\n"));

    vec![("rtl/systole.env.f", env), ("systole.core", core(&files, &folders, headers)), ("Bender.yml", bender)]
}

fn core(files: &[&str], folders: &[&str], headers: &[String]) -> String {
    let mut t = format!(
        "CAPI=2:\n# SPDX-License-Identifier: Apache-2.0\n# Written by `make gen` from rtl/systole.f; do not edit.\nname: systole:chip:systole:{}\n\
         description: An INT8 inference chip with exact cycles, weights in RRAM, AXI4-Lite and AXI4-Stream\n\nfilesets:\n  rtl:\n    files:\n",
        env!("CARGO_PKG_VERSION")
    );
    for folder in folders {
        for header in headers {
            let _ = writeln!(t, "      - rtl/{folder}/{header}: {{is_include_file: true, include_path: rtl/{folder}}}");
        }
    }
    files.iter().for_each(|file| t += &format!("      - rtl/{file}\n"));
    t + "    file_type: verilogSource-2005\n\
         \x20 accepted:\n    files:\n      - rtl/systole.vlt: {file_type: vlt}\n\n\
         targets:\n  default: &default\n    filesets: [rtl]\n    toplevel: systole_top\n    parameters: [CONFIG]\n\n\
         \x20 lint:\n    <<: *default\n    description: Verilator with every warning, as `make lint` has it\n    filesets: [accepted, rtl]\n\
         \x20   flow: lint\n    flow_options:\n      tool: verilator\n      verilator_options: [-Wall]\n\n\
         parameters:\n  CONFIG:\n    datatype: int\n    paramtype: vlogparam\n    default: 3\n\
         \x20   description: Number of the configuration (docs/architecture.md); its sizes can be overridden one by one\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_names_every_file_once() {
        let list = "+incdir+include\n// a comment\ncore/a.v\n\nlib/b.v\n";
        let all = lists(list, &["x.vh".into()]);
        assert_eq!(all.len(), 3);
        for (path, text) in all {
            for file in ["rtl/core/a.v", "rtl/lib/b.v"] {
                assert_eq!(text.matches(file).count(), 1, "{path}: {text}");
            }
            assert!(text.contains("rtl/include") && !text.contains("comment\n"), "{path}: {text}");
        }
    }
}
