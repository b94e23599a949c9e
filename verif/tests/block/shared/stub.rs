// SPDX-License-Identifier: Apache-2.0
//! Units that a bench plays. A group of the hierarchy wires units that have benches of their own: in the group's bench a module with the ports of a unit
//! stands in the unit's place, whose outputs the bench says, and whose inputs it sees.

use harness::Sim;
use harness::verilated::{Spec, Variable};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;

/// The header of a module as a module that is played: outputs are registers that take what the bench says.
fn played(header: &str) -> String {
    let (mut text, mut body) = (String::from("`default_nettype none\n`include \"systole_isa.vh\"\n"), String::new());
    for line in header.lines() {
        let code = line.split("//").next().unwrap_or_default().trim_end();
        let words = code.trim().trim_end_matches(',');
        let name = words.split_whitespace().last().unwrap_or_default();
        let range = words.find('[').map_or("", |from| &words[from..=words.rfind(']').unwrap_or(from)]);
        let comma = if code.ends_with(',') { "," } else { "" };
        if words.starts_with("input ") {
            let _ = writeln!(text, "    input wire {range} {name} /*verilator public_flat_rd*/{comma}");
        } else if words.starts_with("output ") {
            let _ = writeln!(text, "    output reg {range} {name}{comma}");
            let _ = writeln!(body, "  reg {range} bench_{name} /*verilator public_flat_rw*/ = 0;");
            let _ = writeln!(body, "  always @(posedge clk_i) {name} <= bench_{name};");
        } else {
            let _ = writeln!(text, "{code}");
        }
    }
    text + &body + "endmodule\n"
}

/// Its parameters and ports, as they stand in its file.
fn header(module: &str) -> String {
    let (sources, _) = systole_chip::source_list().unwrap();
    let path = sources.iter().find(|path| path.file_stem().is_some_and(|stem| stem == module));
    let source = std::fs::read_to_string(path.unwrap_or_else(|| panic!("no module {module}"))).unwrap();
    let header = source.split("\nmodule ").nth(1).and_then(|rest| rest.split("\n);").next()).unwrap();
    format!("module {header}\n);")
}

/// Inputs and outputs of a module, but for its clock.
pub fn ports(module: &str) -> [Vec<String>; 2] {
    let header = header(module);
    let of = |kind: &str| {
        let lines = header.lines().map(|line| line.split("//").next().unwrap_or_default().trim().trim_end_matches(','));
        let names = lines.filter(|line| line.starts_with(kind)).filter_map(|line| line.split_whitespace().last());
        names.filter(|name| *name != "clk_i").map(String::from).collect()
    };
    [of("input "), of("output ")]
}

/// With these units played. Checks of the group look into units, so they are left out (`SYNTHESIS`).
pub fn play(spec: Spec, modules: &[&str]) -> Spec {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("played");
    std::fs::create_dir_all(&folder).unwrap();
    modules.iter().fold(spec.define("SYNTHESIS", 1).argument("-Wno-lint"), |spec, module| {
        // Tests in other threads read the file.
        let (file, own) = (folder.join(format!("{module}.v")), format!("{module}-{:?}", std::thread::current().id()));
        std::fs::write(folder.join(&own), played(&header(module))).unwrap();
        std::fs::rename(folder.join(&own), &file).unwrap();
        spec.source(file)
    })
}

/// A unit that is played, in a simulation.
pub struct Unit {
    sim: Sim,
    at: HashMap<String, Variable>,
}

impl Unit {
    /// The one of this instance name.
    pub fn of(sim: &Sim, instance: &str) -> Unit {
        let inside = format!(".{instance}.");
        let all = sim.with_model(|model| model.variables());
        let own = all.into_iter().filter_map(|v| Some((v.name.rsplit_once(&inside)?.1.to_string(), v)));
        let at: HashMap<_, _> = own.collect();
        assert!(!at.is_empty(), "nothing of {instance} is public");
        Unit { sim: sim.clone(), at }
    }

    fn variable(&self, name: &str) -> &Variable {
        self.at.get(name).unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// Bits of a port.
    pub fn width(&self, port: &str) -> u32 {
        self.variable(&if port.ends_with("_o") { format!("bench_{port}") } else { port.into() }).width
    }

    /// Its inputs and its outputs.
    pub fn ports(&self) -> [Vec<String>; 2] {
        let inputs = self.at.keys().filter(|name| name.ends_with("_i") && *name != "clk_i").cloned();
        let outputs = self.at.keys().filter_map(|name| name.strip_prefix("bench_").map(String::from));
        [inputs.collect(), outputs.collect()].map(|mut ports: Vec<_>| {
            ports.sort();
            ports
        })
    }

    /// What an output is from this edge on.
    pub fn says_bytes(&self, output: &str, bytes: &[u8]) {
        let variable = self.variable(&format!("bench_{output}"));
        let mut words: Vec<u32> = bytes.chunks(4).map(|c| c.iter().rev().fold(0, |v, &b| v << 8 | u32::from(b))).collect();
        words.resize(variable.width.div_ceil(32) as usize, 0);
        if let Some(last) = words.last_mut().filter(|_| !variable.width.is_multiple_of(32)) {
            *last &= (1 << (variable.width % 32)) - 1;
        }
        self.sim.with_model(|model| model.poke(variable, 0, &words));
    }

    /// The same for at most 64 bits.
    pub fn says(&self, output: &str, value: u64) {
        self.says_bytes(output, &value.to_le_bytes());
    }

    /// What an input was before this edge.
    pub fn given_bytes(&self, input: &str) -> Vec<u8> {
        let variable = self.variable(input);
        let words = self.sim.with_model(|model| model.peek(variable, 0));
        words.iter().flat_map(|w| w.to_le_bytes()).take(variable.width.div_ceil(8) as usize).collect()
    }

    /// The low 64 bits of that.
    pub fn given(&self, input: &str) -> u64 {
        self.given_bytes(input).iter().take(8).rev().fold(0, |v, &b| v << 8 | u64::from(b))
    }
}
