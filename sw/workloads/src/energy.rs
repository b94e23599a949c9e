// SPDX-License-Identifier: Apache-2.0
//! Energy from event counts (docs/energy.md): a range for each event, never one number, each with its source.

use serde::Serialize;
use systole_isa::Config;
use systole_isa::rram::Layout;

/// Low, typical and high, in pJ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Range {
    /// Kindest source.
    pub low: f64,
    /// What we believe.
    pub typ: f64,
    /// Most careful source.
    pub high: f64,
}

impl Range {
    const fn new(low: f64, typ: f64, high: f64) -> Range {
        Range { low, typ, high }
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Range {
        Range { low: f(self.low), typ: f(self.typ), high: f(self.high) }
    }

    fn plus(self, o: Range) -> Range {
        Range { low: self.low + o.low, typ: self.typ + o.typ, high: self.high + o.high }
    }
}

/// A constant and where it is from.
pub struct Constant {
    /// What it is.
    pub name: &'static str,
    /// pJ.
    pub pj: Range,
    /// Source.
    pub source: &'static str,
}

/// A multiplication, its addition to the column sum, and the registers between.
pub const MAC: Constant = Constant {
    name: "int8 multiply-accumulate",
    pj: Range::new(0.23, 0.73, 0.9),
    source: "low: 0.2 + 0.03, Horowitz ISSCC'14 (45 nm); typ: 0.2 + 32-bit add 0.21 + 36 register bits at 0.009, Aladdin tables (40 nm); high: whole chip of CHIMERA, 40 nm",
};
/// A byte of SRAM.
pub const SRAM_BYTE: Constant = Constant {
    name: "SRAM byte read or written",
    pj: Range::new(0.13, 0.61, 1.25),
    source: "low: 1.03 pJ per 64 bits of 1 MB, NVMExplorer (22 nm); typ: Horowitz scaled by 22/45; high: 10 pJ per 64 bits of 8 KB, Horowitz ISSCC'14 (45 nm)",
};
/// A bit of RRAM read.
pub const RRAM_BIT: Constant = Constant {
    name: "RRAM bit read",
    pj: Range::new(0.2, 1.0, 2.0),
    source: "typ: Intel 22FFL silicon, ISSCC'19; low and high: spread of published macros",
};
/// A lane of POST.
pub const POST_LANE: Constant = Constant {
    name: "requantisation of a sum",
    pj: Range::new(3.1, 7.9, 12.7),
    source: "low: 32-bit multiply 3.1, Horowitz ISSCC'14 (45 nm); high: 12.7, Aladdin tables (40 nm); typ: between",
};
/// A 32-bit addition.
pub const ADD32: Constant = Constant {
    name: "32-bit add",
    pj: Range::new(0.1, 0.21, 0.21),
    source: "low: Horowitz ISSCC'14 (45 nm); else Aladdin tables (40 nm)",
};
/// A product in F24: 16 bits of significand.
pub const F24_MUL: Constant = Constant {
    name: "F24 multiply",
    pj: Range::new(1.6, 2.3, 3.7),
    source: "Horowitz ISSCC'14 (45 nm), by the square of the significand: low: of FP32, 3.7 (16/24)^2; typ: of FP16, 1.1 (16/11)^2; high: FP32 as it is, 3.7",
};
/// A sum in F24, and as much for a conversion from or to an integer.
pub const F24_ADD: Constant = Constant {
    name: "F24 add or conversion",
    pj: Range::new(0.4, 0.6, 0.9),
    source: "Horowitz ISSCC'14 (45 nm): low: FP16 as it is; typ: FP16 and FP32 by the significand, 0.4 (16/11) and 0.9 (16/24); high: FP32 as it is",
};
/// Leakage of SRAM in mW a megabyte.
pub const SRAM_LEAKAGE_MW: Constant = Constant {
    name: "leakage of 1 MB of SRAM (mW)",
    pj: Range::new(2.8, 28.0, 28.0),
    source: "28 mW, NVMExplorer (22 nm); low: our assumption, a tenth of it at retention voltage",
};

/// Every constant.
pub const CONSTANTS: [Constant; 8] = [MAC, SRAM_BYTE, RRAM_BIT, POST_LANE, ADD32, F24_MUL, F24_ADD, SRAM_LEAKAGE_MW];

/// Energy of one kind of event.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// What.
    pub name: &'static str,
    /// How often the event happened.
    pub count: u64,
    /// pJ in all.
    pub pj: Range,
}

/// Names of the vector unit's parts.
const VECTOR_PARTS: [&str; 4] = ["vector steps", "vector functions", "V written", "scalar steps"];

/// Energy of what was counted.
#[derive(Debug, Clone, Serialize)]
pub struct Energy {
    /// By kind of event.
    pub parts: Vec<Part>,
    /// All of them, in pJ.
    pub total: Range,
    /// Useful operations (two for each multiplication of the workload) per pJ: TOPS/W. `low` is the pessimistic end.
    pub tops_per_watt: Range,
}

impl Energy {
    /// What of the total is the vector unit's own, in pJ.
    pub fn of_vector_unit(&self) -> Range {
        self.parts.iter().filter(|p| VECTOR_PARTS.contains(&p.name)).fold(Range::default(), |t, p| t.plus(p.pj))
    }
}

/// Energy of event counts (by number, `systole_isa::regs::EVENTS`) on a configuration; `macs` are the workload's own
/// multiplications, `rram` overrides the RRAM's pJ per bit.
pub fn of_events(events: &[u64], config: &Config, macs: u64, rram: Option<f64>) -> Energy {
    let (r, c) = (f64::from(config.rows), f64::from(config.cols));
    let word = f64::from(config.word_bits());
    let bit = rram.map_or(RRAM_BIT.pj, |e| Range::new(e, e, e));
    let count = |n: usize| events.get(n).copied().unwrap_or(0);
    let sram = |bytes: f64| SRAM_BYTE.pj.map(|e| e * bytes);
    let vectors = count(0);
    // A lane in a step: m1, m2 and mul3; the sum s, the conversions of sum and code, one for the reductions; nine bytes of V and
    // six of parameters. With a function: a segment of 36 bits, its product and sum. S is registers.
    let lane = F24_MUL.pj.map(|e| 3.0 * e).plus(F24_ADD.pj.map(|e| 4.0 * e)).plus(sram(15.0));
    let function = F24_MUL.pj.plus(F24_ADD.pj).plus(sram(4.5));
    // A step of SCALAR: a product at least; RECIP and RSQRT have three.
    let scalar = Range::new(F24_MUL.pj.low, 2.0 * F24_MUL.pj.typ, 3.0 * F24_MUL.pj.high);
    let each = [
        ("multiply-accumulate", vectors, MAC.pj.map(|e| e * r * c)),
        ("X read into the array", vectors, sram(r)),
        ("accumulators", vectors, sram(8.0 * c).plus(ADD32.pj.map(|e| e * c))),
        ("weights from RRAM", count(1), bit.map(|e| e * r * word)),
        ("weights from W SRAM", count(2), sram(r * c)),
        ("X read flat", count(3), sram(c)),
        ("X written", count(4), sram(c)),
        ("W SRAM written", count(5), sram(c)),
        ("POST", count(6), POST_LANE.pj.map(|e| e * c).plus(sram(8.0 * c))),
        ("OUT written", count(7), sram(c)),
        ("lane engine", count(8), MAC.pj.map(|e| e * 9.0 * c)),
        (VECTOR_PARTS[0], count(9), lane.map(|e| e * c)),
        (VECTOR_PARTS[1], count(10), function.map(|e| e * c)),
        (VECTOR_PARTS[2], count(11), sram(9.0 * c)),
        (VECTOR_PARTS[3], count(12), scalar),
    ];
    let parts: Vec<Part> = each
        .into_iter()
        .filter(|p| p.1 > 0)
        .map(|(name, count, pj)| Part { name, count, pj: pj.map(|e| e * count as f64) })
        .collect();
    let total = parts.iter().fold(Range::default(), |t, p| t.plus(p.pj));
    let tops = |pj: f64| 2.0 * macs as f64 / pj.max(1e-9);
    Energy { parts, total, tops_per_watt: Range::new(tops(total.high), tops(total.typ), tops(total.low)) }
}

/// What keeping weights costs between inferences, in pJ an inference.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Idle {
    /// SRAM of the weights' size, leaking through the idle time.
    pub sram_hold: Range,
    /// RRAM without power, and a wake before each inference: image and program read once.
    pub rram_wake: Range,
    /// Share of time that the chip computes.
    pub duty: f64,
}

/// Idle energy at `rate` inferences a second of `cycles` cycles at `mhz`; `image_bytes` lie in RRAM.
pub fn idle(config: &Config, image_bytes: u64, cycles: u64, mhz: f64, rate: f64) -> Idle {
    let period = 1.0 / rate;
    let busy = cycles as f64 / (mhz * 1e6);
    let idle_s = (period - busy).max(0.0);
    let megabytes = image_bytes as f64 / f64::from(1 << 20);
    let bytes = image_bytes.next_multiple_of(u64::from(Layout::of(config).line_bytes)) as f64;
    let bits = bytes * f64::from(config.word_bits()) / f64::from(config.cols); // check bits are read with them
    Idle {
        sram_hold: SRAM_LEAKAGE_MW.pj.map(|mw| mw * 1e-3 * megabytes * idle_s * 1e12),
        rram_wake: RRAM_BIT.pj.map(|e| e * bits),
        duty: busy / period,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_batch_one_the_weight_read_decides() {
        // TOPS/W = 2 / (8 e / M + ~0.9): the closed form for a large product, check bits left out.
        let config = Config::named("base").unwrap();
        let macs = 1u64 << 20;
        let vectors = macs / 256;
        for (m, e) in [(1u64, 1.0), (1, 0.2), (16, 1.0), (64, 2.0)] {
            let events = [vectors, vectors / m, 0, 0, 0, 0, 0, 0, 0];
            let found = of_events(&events, &config, macs, Some(e)).tops_per_watt.typ;
            let closed = 2.0 / (9.0 * e / m as f64 + 0.9);
            assert!((found / closed).ln().abs() < 0.35, "M = {m}, {e} pJ/bit: {found} against {closed}");
        }
    }

    #[test]
    fn the_vector_unit_costs_what_its_steps_do() {
        let config = Config::named("base").unwrap();
        let of = |event: usize, count: u64| {
            let mut events = [0; systole_isa::regs::EVENTS.len()];
            events[event] = count;
            of_events(&events, &config, 1, None).total
        };
        // 16 lanes: three products, four sums, 15 bytes.
        let step = 16.0 * (3.0 * F24_MUL.pj.typ + 4.0 * F24_ADD.pj.typ + 15.0 * SRAM_BYTE.pj.typ);
        assert!((of(9, 1000).typ - 1000.0 * step).abs() < 1e-6 * step, "{:?}", of(9, 1000));
        for event in 9..13 {
            let e = of(event, 1);
            assert!(0.0 < e.low && e.low < e.typ && e.typ < e.high, "event {event}: {e:?}");
        }
        let mut all = [7; systole_isa::regs::EVENTS.len()];
        let e = of_events(&all, &config, 1, None);
        let own = e.of_vector_unit();
        all[9..].fill(0);
        let rest = of_events(&all, &config, 1, None).total;
        assert!(own.typ > 0.0 && (e.total.typ - own.typ - rest.typ).abs() < 1e-9 * e.total.typ, "{own:?}");
        // A function comes on top of its step, a scalar step is one lane's.
        assert!(of(10, 1).typ < of(9, 1).typ && of(12, 1).typ < of(9, 1).typ / 16.0);
    }

    #[test]
    fn idle_energy_grows_with_the_time_between_inferences() {
        let config = Config::named("base").unwrap();
        let often = idle(&config, 1 << 20, 4000, 100.0, 1000.0);
        let rarely = idle(&config, 1 << 20, 4000, 100.0, 1.0);
        assert!(rarely.sram_hold.typ > 900.0 * often.sram_hold.typ && rarely.rram_wake == often.rram_wake);
        assert!((often.duty - 0.04).abs() < 1e-9);
    }
}
