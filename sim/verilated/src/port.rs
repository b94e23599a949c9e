// SPDX-License-Identifier: Apache-2.0
//! Ports, as Verilator describes them.

/// Direction of a port, seen from the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The test bench writes it.
    Input,
    /// The design writes it.
    Output,
}

/// A port's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// Its name in the Verilog.
    pub name: String,
    /// Its direction.
    pub direction: Direction,
    /// Bits.
    pub width: u32,
}

/// A port of one model: a handle, resolved once by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Port(pub(crate) u32);

impl Port {
    /// Its place in [`crate::Library::ports`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The ports of a design.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    /// With their names in C++.
    pub usable: Vec<(PortInfo, String)>,
    /// By name, with what is against them and what to do.
    pub refused: Vec<(String, &'static str)>,
}

const UNPACKED: &str = "is an unpacked array; make it packed, as in [3:0][7:0], or wrap the module in one with a vector";
const REAL: &str = "is a real; pass its 64 bits, with $bitstoreal and $realtobits in a wrapper";
const INOUT: &str = "is an inout; split it in a wrapper into an input, an output and an enable";
const OTHER: &str = "is of a type that is no vector of bits; wrap the module in one with vectors";

/// The ports in a model header that Verilator wrote: lines `VL_IN8(&name,msb,lsb);`, `VL_IN8((&name)[4],7,0);`,
/// `VlUnpacked<CData, 4> &name;`, `double &name;`.
pub(crate) fn parse_header(text: &str) -> Ports {
    let mut ports = Ports { usable: vec![], refused: vec![] };
    let section = text.split_once("// PORTS").map_or(text, |(_, rest)| rest);
    let section = section.split_once("// CELLS").map_or(section, |(ports, _)| ports);
    for line in section.lines().map(str::trim) {
        let Some(declaration) = line.strip_suffix(';').filter(|l| !l.starts_with("//")) else { continue };
        let Some((kind, rest)) = declaration.split_once('&') else { continue };
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (cpp, rest) = rest.split_at(end);
        let name = verilog_name(cpp);
        let direction = if kind.starts_with("VL_OUT") { Direction::Output } else { Direction::Input };
        let refusal = match kind.trim() {
            k if k.starts_with("VL_INOUT") => INOUT,
            k if k.ends_with("((") || k.starts_with("VlUnpacked") => UNPACKED,
            "double" => REAL,
            k if k.starts_with("VL_IN") || k.starts_with("VL_OUT") => {
                let mut range = rest.trim_start_matches(',').trim_end_matches(')').split(',').map(str::parse::<i64>);
                if let (Some(Ok(msb)), Some(Ok(lsb))) = (range.next(), range.next()) {
                    let width = (msb - lsb).unsigned_abs() as u32 + 1;
                    ports.usable.push((PortInfo { name, direction, width }, cpp.to_string()));
                    continue;
                }
                OTHER
            }
            _ => OTHER,
        };
        ports.refused.push((name, refusal));
    }
    ports
}

/// The name in the Verilog: Verilator marks C++ keywords, and writes what C++ does not know as `__0` and two hexadecimal
/// digits.
fn verilog_name(cpp: &str) -> String {
    let mut rest = cpp.strip_prefix("__SYM__").unwrap_or(cpp);
    let mut name = String::new();
    while let Some(c) = rest.chars().next() {
        let code = rest.strip_prefix("__0").and_then(|r| r.get(..2)).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (c, used) = code.map_or((c, 1), |code| (char::from(code), 5));
        name.push(c);
        rest = &rest[used..];
    }
    name
}

/// Does this name mean something else in the C++ of the model?
pub(crate) fn is_member(header: &str, cpp: &str) -> bool {
    const MEMBERS: [&str; 9] =
        ["contextp", "hierName", "modelName", "name", "rootp", "threads", "vlSymsp", "vlNamep", "m_context"];
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let declared = |line: &str| {
        line.match_indices(cpp).any(|(at, _)| {
            let rest = &line[at + cpp.len()..];
            rest.starts_with('(') && !line[..at].ends_with(is_word)
        })
    };
    MEMBERS.contains(&cpp) || header.lines().filter(|l| !l.trim_start().starts_with("//")).any(declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_port_line_is_understood() {
        let text = "  // PORTS\n  VL_IN8(&clk,0,0);\n VL_OUT64(&q,63,0);\n VL_OUTW(&bus,99,0,4);\n VL_INOUT8(&io,3,0);\n\
            VL_IN8((&old)[3],7,0);\n VlUnpacked<CData/*7:0*/, 3> &data;\n double &r;\n std::string &s;\n // CELLS\n Vx &y;";
        let ports = parse_header(text);
        let usable: Vec<(&str, u32)> = ports.usable.iter().map(|(p, _)| (p.name.as_str(), p.width)).collect();
        assert_eq!(usable, [("clk", 1), ("q", 64), ("bus", 100)]);
        assert_eq!(ports.usable[1].0.direction, Direction::Output);
        let refused: Vec<(&str, &str)> = ports.refused.iter().map(|(n, w)| (n.as_str(), *w)).collect();
        assert_eq!(refused, [("io", INOUT), ("old", UNPACKED), ("data", UNPACKED), ("r", REAL), ("s", OTHER)]);
    }

    #[test]
    fn names_of_the_verilog_come_back() {
        for (cpp, name) in [("a", "a"), ("a___05Fb", "a__b"), ("a__02eb", "a.b"), ("__SYM__delete", "delete"), ("x__0", "x__0")] {
            assert_eq!(verilog_name(cpp), name);
        }
    }
}
