// SPDX-License-Identifier: Apache-2.0
//! All wires of a group whose units are played: every output of a unit and every input of the group is any bits in every cycle, and what every input of a
//! unit and every output of the group is must be said. A port that nothing says anything of fails the test, so none is forgotten.

use super::stub::{Unit, ports};
use harness::{Sim, Stream};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Bits of a port, the lowest first, eight in a byte.
pub type Bits = Vec<u8>;

fn fit(mut bits: Bits, width: u32) -> Bits {
    bits.resize(width.div_ceil(8) as usize, 0);
    if let Some(last) = bits.last_mut().filter(|_| !width.is_multiple_of(8)) {
        *last &= (1 << (width % 8)) - 1;
    }
    bits
}

/// The wires. A port of a unit has the name `instance.port`, one of the group its own.
pub struct Wires {
    sim: Sim,
    units: BTreeMap<&'static str, Unit>,
    inputs: Vec<String>,
    stands: HashMap<String, Bits>,
    // What is compared: how often; and in this cycle.
    compared: BTreeMap<String, u32>,
    said: BTreeSet<String>,
    sources: HashMap<String, String>,
}

impl Wires {
    /// Of this module, with these instances in it that are played. What is wired to a port is the one port of the same name without `_i` or `_o` among inputs
    /// of the group and outputs of other units, or what these pairs say: `(port, what it is)`. A port takes the lowest bits of a wider one, and 0
    /// above a narrower one.
    pub fn of(sim: &Sim, module: &str, instances: &[&'static str], pairs: &[(&str, &str)]) -> Wires {
        let units: BTreeMap<_, _> = instances.iter().map(|name| (*name, Unit::of(sim, name))).collect();
        let [inputs, outputs] = ports(module);
        let of_units = |which: usize| {
            let all = units
                .iter()
                .flat_map(move |(name, unit)| unit.ports()[which].clone().into_iter().map(move |p| format!("{name}.{p}")));
            all.collect::<Vec<_>>()
        };
        let drivers: Vec<String> = inputs.iter().cloned().chain(of_units(1)).collect();
        let stem = |port: &str| {
            let port = port.rsplit('.').next().unwrap_or(port);
            port.trim_end_matches("_i").trim_end_matches("_o").to_string()
        };
        let mut sources: HashMap<String, String> =
            pairs.iter().map(|(port, source)| (port.to_string(), source.to_string())).collect();
        let all: Vec<String> = outputs.into_iter().chain(of_units(0)).collect();
        for (port, source) in &sources {
            assert!(all.contains(port) && drivers.contains(source), "{port}, {source}: no such ports");
        }
        for port in &all {
            let own = port.split_once('.').map(|p| format!("{}.", p.0));
            let mut same =
                drivers.iter().filter(|d| stem(d) == stem(port) && !own.as_ref().is_some_and(|own| d.starts_with(own)));
            if let (Some(source), None) = (same.next(), same.next()) {
                sources.entry(port.clone()).or_insert_with(|| source.clone());
            }
        }
        let compared = all.into_iter().map(|port| (port, 0)).collect();
        Wires { sim: sim.clone(), units, inputs, stands: HashMap::new(), compared, said: BTreeSet::new(), sources }
    }

    fn unit<'a>(&self, name: &'a str) -> Option<(&Unit, &'a str)> {
        name.split_once('.').map(|(unit, port)| (&self.units[unit], port))
    }

    /// Bits of a port.
    pub fn width(&self, name: &str) -> u32 {
        self.unit(name).map_or_else(|| self.sim.signal(name).width(), |(unit, port)| unit.width(port))
    }

    /// From this edge on an input of the group, or an output of a unit, is this.
    pub fn says(&mut self, name: &str, value: u64) {
        self.put(name, value.to_le_bytes().to_vec());
    }

    fn put(&mut self, name: &str, bits: Bits) {
        let bits = fit(bits, self.width(name));
        match self.unit(name) {
            Some((unit, port)) => unit.says_bytes(port, &bits),
            None => self.sim.signal(name).set_bytes(&bits),
        }
        self.stands.insert(name.to_string(), bits);
    }

    /// From this edge on all of them are any bits, the reset in one cycle of 16.
    pub fn any(&mut self, random: &mut Stream) {
        let units =
            self.units.iter().flat_map(|(name, unit)| unit.ports()[1].clone().into_iter().map(move |p| format!("{name}.{p}")));
        let names: Vec<String> = self.inputs.iter().cloned().chain(units).collect();
        for name in names {
            let mut bits = vec![0; self.width(&name).div_ceil(8) as usize];
            random.fill(&mut bits);
            self.put(&name, bits);
        }
        if self.inputs.iter().any(|name| name == "rst_i") {
            self.says("rst_i", u64::from(random.random_range(0..16) == 0));
        }
        self.said.clear();
    }

    /// What stands at an input of the group, or at an output of a unit.
    pub fn bits(&self, name: &str) -> &Bits {
        self.stands.get(name).unwrap_or_else(|| panic!("{name} is no port that the bench says"))
    }

    /// The low 64 bits of it.
    pub fn at(&self, name: &str) -> u64 {
        self.bits(name).iter().take(8).rev().fold(0, |v, &b| v << 8 | u64::from(b))
    }

    /// Whether any of its bits is 1.
    pub fn is_high(&self, name: &str) -> bool {
        self.bits(name).iter().any(|&b| b != 0)
    }

    /// What an input of a unit, or an output of the group, was before this edge must be this.
    pub fn is_bits(&mut self, port: &str, bits: Bits) {
        let width = self.unit(port).map_or_else(|| self.sim.signal(port).width(), |(unit, port)| unit.width(port));
        let got = match self.unit(port) {
            Some((unit, port)) => unit.given_bytes(port),
            None => {
                let mut got = vec![0; width.div_ceil(8) as usize];
                self.sim.signal(port).get_bytes(&mut got);
                got
            }
        };
        assert_eq!(fit(got, width), fit(bits, width), "{port} in cycle {}", self.sim.cycle());
        *self.compared.get_mut(port).unwrap_or_else(|| panic!("{port} is no port that is compared")) += 1;
        self.said.insert(port.to_string());
    }

    /// The same of at most 64 bits.
    pub fn is(&mut self, port: &str, value: u64) {
        self.is_bits(port, value.to_le_bytes().to_vec());
    }

    /// Nothing is promised of a port in this cycle.
    pub fn open(&mut self, port: &str) {
        self.said.insert(port.to_string());
    }

    /// This, or nothing is promised.
    pub fn is_if(&mut self, port: &str, value: Option<u64>) {
        match value {
            Some(value) => self.is(port, value),
            None => self.open(port),
        }
    }

    /// All ports of which nothing was said in this cycle are what is wired to them.
    pub fn rest(&mut self) {
        let rest: Vec<String> = self.compared.keys().filter(|port| !self.said.contains(*port)).cloned().collect();
        for port in rest {
            let source = self.sources.get(&port).unwrap_or_else(|| panic!("nothing says what {port} is"));
            self.is_bits(&port, self.bits(source).clone());
        }
    }

    /// Every port was compared in this many cycles at least.
    pub fn done(&self, cycles: u32) {
        let few: Vec<_> = self.compared.iter().filter(|(_, n)| **n < cycles).collect();
        assert!(few.is_empty(), "compared too seldom: {few:?}");
    }
}
