// SPDX-License-Identifier: Apache-2.0
//! Ports, as Verilator describes them.

/// Direction of a port, seen from the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The test bench writes it.
    Input,
    /// The design writes it.
    Output,
    /// Both.
    Inout,
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

/// The ports in a model header that Verilator wrote: lines `VL_IN8(&name,msb,lsb);` and so on.
pub(crate) fn parse_header(text: &str) -> Vec<PortInfo> {
    let mut ports = Vec::new();
    for line in text.lines().map(str::trim) {
        let (direction, rest) = if let Some(r) = line.strip_prefix("VL_INOUT") {
            (Direction::Inout, r)
        } else if let Some(r) = line.strip_prefix("VL_IN") {
            (Direction::Input, r)
        } else if let Some(r) = line.strip_prefix("VL_OUT") {
            (Direction::Output, r)
        } else {
            continue;
        };
        let Some((_, args)) = rest.split_once("(&") else { continue };
        let mut args = args.trim_end_matches(");").split(',');
        let (Some(name), Some(msb), Some(lsb)) = (args.next(), args.next(), args.next()) else { continue };
        let (Ok(msb), Ok(lsb)) = (msb.parse::<i64>(), lsb.parse::<i64>()) else { continue };
        ports.push(PortInfo { name: name.to_string(), direction, width: (msb - lsb).unsigned_abs() as u32 + 1 });
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_port_line_is_understood() {
        let text = "  VL_IN8(&clk,0,0);\n VL_OUT64(&q,63,0);\n VL_INOUTW(&bus,99,0,4);\n int x;";
        let ports = parse_header(text);
        assert_eq!(ports.len(), 3);
        assert_eq!((ports[0].width, ports[1].width, ports[2].width), (1, 64, 100));
        assert_eq!(ports[2].direction, Direction::Inout);
        assert_eq!(ports[1].name, "q");
    }
}
