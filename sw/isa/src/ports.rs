// SPDX-License-Identifier: Apache-2.0
//! Ports of the modules of rtl/, as tables of docs/blocks: what a module's header says, a line a port, and nothing else.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A line of a module's port list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A comment between ports: what the next ones are about.
    Section(String),
    /// A port.
    Port {
        /// As it stands in the header.
        name: String,
        /// `in` or `out`.
        direction: &'static str,
        /// Bits, a number or an expression in the module's parameters.
        width: String,
        /// The comment on its line.
        meaning: String,
    },
}

/// A module as its file writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name without `systole_`.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Parameters: name, default, and the comment on it, if any.
    pub parameters: Vec<[String; 3]>,
    /// Its port list.
    pub lines: Vec<Line>,
}

/// `[W-1:0]` is W bits; a part that begins elsewhere stays as it is.
fn width(range: &str) -> String {
    let range = range.split_whitespace().collect::<String>();
    match range.strip_suffix(":0") {
        None => range,
        Some(high) => match (high.parse::<u32>(), high.strip_suffix("-1")) {
            (Ok(n), _) => (n + 1).to_string(),
            (_, Some(bits)) => bits.to_string(),
            _ => format!("{high}+1"),
        },
    }
}

/// The module of a file of rtl/, whose headers have a line for each parameter and port.
///
/// # Errors
/// The line of a port that cannot be read, or what the file lacks.
pub fn module(path: &Path, text: &str) -> Result<Module, String> {
    let mut lines = text.lines().skip_while(|l| !l.starts_with("module "));
    let first = lines.next().ok_or("no module")?;
    let name = first.trim_start_matches("module ").split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let name = name.strip_prefix("systole_").ok_or(format!("module {name} is not a systole_ one"))?;
    let mut module = Module { name: name.into(), path: path.into(), parameters: vec![], lines: vec![] };
    let mut ports = !first.contains("#(");
    for line in lines {
        if line.starts_with(");") || line.starts_with(") ();") {
            return Ok(module);
        }
        let (code, comment) = line.split_once("//").map_or((line, ""), |(code, comment)| (code, comment.trim()));
        let code = code.trim().trim_end_matches(',');
        if line.starts_with(") (") {
            ports = true;
        } else if let Some(rest) = code.strip_prefix("parameter ") {
            let (left, value) = rest.split_once('=').ok_or(format!("a parameter without a value: {line}"))?;
            let name = left.split_whitespace().last().unwrap_or_default();
            module.parameters.push([name.into(), value.trim().into(), comment.into()]);
        } else if code.is_empty() {
            if ports && !comment.is_empty() {
                module.lines.push(Line::Section(comment.into()));
            }
        } else if ports {
            let direction = if code.starts_with("input ") {
                "in"
            } else if code.starts_with("output ") {
                "out"
            } else {
                return Err(format!("neither input nor output: {line}"));
            };
            let bits = code.find('[').zip(code.find(']')).map_or("1".into(), |(a, b)| width(&code[a + 1..b]));
            let name = code.split_whitespace().last().unwrap_or_default().to_string();
            let meaning = match (name.as_str(), comment) {
                ("clk_i", "") => "clock",
                ("rst_i", "") => "reset, synchronous, active high",
                (_, "") => return Err(format!("'{name}' has no comment")),
                _ => comment,
            };
            module.lines.push(Line::Port { name, direction, width: bits, meaning: meaning.into() });
        }
    }
    Err("its header has no end".into())
}

/// All modules of rtl/, by path. Those of a technology (`rtl/ecp5`) stand for the ones whose name they have.
///
/// # Errors
/// A file that cannot be read, or whose header is not as those of rtl/ are.
pub fn modules(rtl: &Path) -> io::Result<Vec<Module>> {
    let mut folders = vec![rtl.to_path_buf()];
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "v") {
                let text = fs::read_to_string(&path)?;
                found.push(module(&path, &text).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?);
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// What stands between `<!-- gen:ports-NAME -->` and `<!-- /gen -->`: parameters and ports, each where there are any.
pub fn table(module: &Module) -> String {
    // A bar would end the cell.
    let row = |cells: &[&str]| format!("| {} |\n", cells.iter().map(|c| c.replace('|', "\\|")).collect::<Vec<_>>().join(" | "));
    let mut text = String::new();
    if !module.parameters.is_empty() {
        text += "| parameter | default | |\n|---|---|---|\n";
        for [name, value, meaning] in &module.parameters {
            text += &row(&[&format!("`{name}`"), &format!("`{value}`"), meaning]);
        }
    }
    if module.lines.is_empty() {
        return text;
    }
    if !module.parameters.is_empty() {
        text += "\n";
    }
    text += "| port | | bits | meaning |\n|---|---|---|---|\n";
    for line in &module.lines {
        text += &match line {
            Line::Section(about) => row(&[&format!("*{about}*"), "", "", ""]),
            Line::Port { name, direction, width, meaning } => {
                row(&[&format!("`{name}`"), direction, &format!("`{width}`"), meaning])
            }
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "module systole_x #(\n    parameter A = 8,  // bits\n    parameter [3:0] B = A - 1\n) (\n    \
        input  wire         clk_i,\n    // words\n    input  wire [A-1:0] a_i,  // one | two\n    output reg  [ A:0] b_o   // three\n);\n";

    #[test]
    fn a_header_becomes_a_table() {
        let text = table(&module(Path::new("x.v"), HEADER).unwrap());
        for part in [
            "| `A` | `8` | bits |",
            "| `B` | `A - 1` |  |",
            "| `clk_i` | in | `1` | clock |",
            "| *words* |",
            "| `a_i` | in | `A` | one \\| two |",
            "| `b_o` | out | `A+1` | three |",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn a_module_of_parameters_alone_has_no_table_of_ports() {
        let header = "module systole_x #(\n    parameter A = 8  // bits\n) ();\n";
        let text = table(&module(Path::new("x.v"), header).unwrap());
        assert_eq!(text, "| parameter | default | |\n|---|---|---|\n| `A` | `8` | bits |\n");
    }

    #[test]
    fn a_port_that_says_nothing_is_an_error_that_names_it() {
        let e = module(Path::new("x.v"), &HEADER.replace("// three", "")).unwrap_err();
        assert!(e.contains("'b_o'"), "{e}");
        assert!(module(Path::new("x.v"), "module systole_x (\n").is_err());
    }
}
