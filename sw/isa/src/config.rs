// SPDX-License-Identifier: Apache-2.0
//! The named configurations: every size of the machine, in one place.

use crate::IsaError;
use crate::ecc::Ecc;
use crate::rram::Layout;
use serde::Serialize;

/// How well a configuration is looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// Whole test suite and the cycle promises on every change.
    Full,
    /// Linted and run on a part of the suite.
    Part,
}

/// The sizes of one machine. Units: bytes (B), words of the named memory, cycles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Its name.
    pub name: &'static str,
    /// Number in the register `CONFIG` and in the Verilog parameter `CONFIG`.
    pub id: u32,
    /// How well it is looked after.
    pub support: Support,
    /// R: rows of the array; an X word is R bytes.
    pub rows: u32,
    /// C: columns; a weight, POST, LOAD or STORE word is C bytes. R / C is 1 or 2.
    pub cols: u32,
    /// D: cycles a weight bank needs for one C-byte word.
    pub weight_beats: u32,
    /// Code of RRAM words.
    pub ecc: Ecc,
    /// Whether weights lie in RRAM with its controller, or in plain RAM that the host loads.
    pub rram_ctrl: bool,
    /// Whether the array subtracts a zero point from weights as it loads them: it then holds nine bits of each.
    pub weight_zero: bool,
    /// P: results that POST works on in a cycle; C results take C / P.
    pub post_lanes: u32,
    /// Whether POST can add or compare a second operand.
    pub residual: bool,
    /// Whether POST can multiply with a second operand: no board has multipliers to spare for it.
    pub product: bool,
    /// Whether events are counted.
    pub events: bool,
    /// Words of each activation bank, all sub-banks together.
    pub x_depth: u32,
    /// Sub-banks of X, by the top bits of the address.
    pub x_banks: u32,
    /// C-byte words of run-time weight SRAM in each row.
    pub w_sram_depth: u32,
    /// C-byte words of RRAM in each row.
    pub rram_depth: u32,
    /// Interleaved ways of a row's RRAM; an access keeps a way busy this many cycles.
    pub rram_ways: u32,
    /// Words of each accumulator lane.
    pub acc_depth: u32,
    /// Per-channel parameter words (C channels each).
    pub param_depth: u32,
    /// 256-entry lookup tables in each POST lane.
    pub lut_count: u32,
    /// C-byte words of one IN buffer (there are two).
    pub in_depth: u32,
    /// C-byte words of one OUT buffer (there are two).
    pub out_depth: u32,
    /// Multipliers of each lane of the lane engine: 9, or 0 for none.
    pub lane_taps: u32,
    /// Tap words of the lane engine (C lanes, 3 x 3 weights each).
    pub tap_depth: u32,
    /// Columns of the lane engine's line memories.
    pub line_depth: u32,
    /// Lanes of the vector unit: C, C / 2, C / 4, or 0 for none.
    pub vec_lanes: u32,
    /// Words of V, C numbers each.
    pub v_depth: u32,
    /// Parameter words of the vector unit, C lanes each.
    pub vec_param_depth: u32,
    /// Rows of the timetable.
    pub timetable_depth: u32,
    /// 128-bit words of descriptor memory.
    pub desc_depth: u32,
}

const fn config(id: u32, name: &'static str, rows: u32, cols: u32, x: (u32, u32)) -> Config {
    Config {
        name,
        id,
        support: Support::Full,
        rows,
        cols,
        weight_beats: 1,
        ecc: Ecc::Secded,
        rram_ctrl: true,
        post_lanes: cols,
        residual: true,
        product: false,
        weight_zero: false,
        events: true,
        x_depth: x.0,
        x_banks: x.1,
        w_sram_depth: 256,
        rram_depth: 2048,
        rram_ways: 2,
        acc_depth: 256,
        param_depth: 128,
        lut_count: 2,
        in_depth: 1024,
        out_depth: 1024,
        lane_taps: 9,
        tap_depth: 32,
        line_depth: 64,
        vec_lanes: 0,
        v_depth: 512,
        vec_param_depth: 256,
        timetable_depth: 512,
        desc_depth: 512,
    }
}

/// Every named configuration, by id.
pub const CONFIGS: [Config; 7] = [
    Config { acc_depth: 128, lut_count: 1, ..config(0, "tiny", 4, 4, (1024, 2)) },
    // Its multipliers would not leave room on an ECP5-85 at 80 MHz.
    Config { lane_taps: 0, ..config(1, "small", 8, 8, (2048, 2)) },
    Config { support: Support::Part, product: true, weight_zero: true, ..config(2, "wide", 16, 8, (2048, 2)) },
    Config {
        product: true,
        weight_zero: true,
        w_sram_depth: 1024,
        rram_depth: 8192,
        acc_depth: 512,
        param_depth: 512,
        lut_count: 8,
        in_depth: 4096,
        out_depth: 4096,
        tap_depth: 128,
        line_depth: 128,
        vec_lanes: 16,
        v_depth: 1024,
        vec_param_depth: 512,
        timetable_depth: 1024,
        desc_depth: 2048,
        ..config(3, "base", 16, 16, (8192, 4))
    },
    Config {
        support: Support::Part,
        product: true,
        weight_zero: true,
        w_sram_depth: 1024,
        rram_depth: 8192,
        acc_depth: 512,
        param_depth: 512,
        lut_count: 8,
        in_depth: 4096,
        out_depth: 4096,
        tap_depth: 128,
        line_depth: 128,
        timetable_depth: 1024,
        desc_depth: 2048,
        ..config(4, "large", 32, 32, (8192, 4))
    },
    // For the smallest boards: weights that the host loads, one requantiser.
    Config {
        support: Support::Part,
        acc_depth: 128,
        lut_count: 1,
        w_sram_depth: 16,
        out_depth: 256,
        ..bare(config(5, "nano", 4, 4, (1024, 2)), 1)
    },
    // For boards between nano's and small's.
    Config {
        support: Support::Part,
        w_sram_depth: 16,
        in_depth: 512,
        out_depth: 256,
        ..bare(config(6, "slim", 8, 8, (4096, 2)), 2)
    },
];

/// Number of a configuration that has no name here: its machine says every size.
pub const OWN: u32 = 255;

/// Without RRAM controller and lane engine, and with so many lanes of POST.
const fn bare(config: Config, post_lanes: u32) -> Config {
    Config { rram_ctrl: false, rram_ways: 1, post_lanes, lane_taps: 0, events: false, ..config }
}

impl Config {
    /// A configuration by its name, or by a name and sizes that differ: `small` or `small,POST_LANES=2,RRAM_CTRL=0`. Sizes
    /// have the names of the Verilog parameters, in capitals or not.
    ///
    /// # Errors
    /// [`IsaError::UnknownConfig`], with the names there are; what [`Config::set`] and [`Config::check`] say of the sizes.
    pub fn named(text: &str) -> Result<Config, IsaError> {
        let mut parts = text.split(',').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let mut config = CONFIGS
            .iter()
            .find(|c| c.name == name)
            .cloned()
            .ok_or_else(|| IsaError::UnknownConfig { name: name.to_string(), known: CONFIGS.map(|c| c.name).join(", ") })?;
        let named = config.clone();
        let mut seen = Vec::new();
        for part in parts {
            let bad = || IsaError::BadSize { text: part.to_string() };
            let (parameter, value) = part.split_once('=').ok_or_else(bad)?;
            config.set(parameter.trim(), value.trim().parse().map_err(|_| bad())?)?;
            let name = parameter.trim().to_uppercase();
            if seen.contains(&name) {
                return Err(IsaError::BadSize { text: format!("{part}, a second {name}") });
            }
            seen.push(name);
        }
        // WEIGHT_BEATS and ECC are no sizes: a named configuration has each.
        if config.clone() != (Config { weight_beats: config.weight_beats, ecc: config.ecc, ..named }) {
            // A program makes few machines of its own, and keeps their names.
            (config.id, config.support, config.name) = (OWN, Support::Part, text.to_string().leak());
        }
        config.check()?;
        Ok(config)
    }

    /// A configuration of one's own, with the sizes of the smallest named one until [`Config::set`] changes them.
    pub fn own() -> Config {
        Config { name: "own", id: OWN, support: Support::Part, ..CONFIGS[0].clone() }
    }

    /// Sets the size with the name of the Verilog parameter; [`Config::check`] says whether all of them go together.
    ///
    /// # Errors
    /// [`IsaError::UnknownParameter`]; [`IsaError::BadParameter`] for a switch that is neither 0 nor 1.
    pub fn set(&mut self, parameter: &str, value: u32) -> Result<(), IsaError> {
        let Some((name, ..)) = self.parameters().into_iter().find(|p| p.0.eq_ignore_ascii_case(parameter)) else {
            let known = self.parameters().map(|p| p.0).join(", ");
            return Err(IsaError::UnknownParameter { name: parameter.to_string(), known });
        };
        let switches = ["ECC", "RRAM_CTRL", "WEIGHT_ZERO", "RESIDUAL", "PRODUCT", "EVENTS"];
        if switches.contains(&name) && value > 1 {
            return Err(IsaError::BadParameter { config: self.name.into(), parameter: name, value, rule: "0 or 1" });
        }
        let on = value == 1;
        match name {
            "ECC" => self.ecc = Ecc::ALL[value as usize],
            "RRAM_CTRL" => self.rram_ctrl = on,
            "RESIDUAL" => self.residual = on,
            "PRODUCT" => self.product = on,
            "EVENTS" => self.events = on,
            "WEIGHT_ZERO" => self.weight_zero = on,
            _ => *self.size(name) = value,
        }
        Ok(())
    }

    /// The size of that name, of those that are no switches.
    fn size(&mut self, name: &str) -> &mut u32 {
        match name {
            "ROWS" => &mut self.rows,
            "COLS" => &mut self.cols,
            "WEIGHT_BEATS" => &mut self.weight_beats,
            "POST_LANES" => &mut self.post_lanes,
            "X_DEPTH" => &mut self.x_depth,
            "X_BANKS" => &mut self.x_banks,
            "W_SRAM_DEPTH" => &mut self.w_sram_depth,
            "RRAM_DEPTH" => &mut self.rram_depth,
            "RRAM_WAYS" => &mut self.rram_ways,
            "ACC_DEPTH" => &mut self.acc_depth,
            "PARAM_DEPTH" => &mut self.param_depth,
            "LUT_COUNT" => &mut self.lut_count,
            "IN_DEPTH" => &mut self.in_depth,
            "OUT_DEPTH" => &mut self.out_depth,
            "LANE_TAPS" => &mut self.lane_taps,
            "TAP_DEPTH" => &mut self.tap_depth,
            "LINE_DEPTH" => &mut self.line_depth,
            "VEC_LANES" => &mut self.vec_lanes,
            "V_DEPTH" => &mut self.v_depth,
            "VEC_PARAM_DEPTH" => &mut self.vec_param_depth,
            "TIMETABLE_DEPTH" => &mut self.timetable_depth,
            _ => &mut self.desc_depth,
        }
    }

    /// The number that an image keeps of the configuration it is made for: of one's own it tells the sizes apart.
    pub fn image_id(&self) -> u32 {
        if self.id != OWN {
            return self.id;
        }
        // The code is not the image's matter, and it keeps WEIGHT_BEATS itself.
        let sizes = self.parameters().into_iter().filter(|p| !["ECC", "WEIGHT_BEATS"].contains(&p.0));
        let bytes: Vec<u8> = sizes.flat_map(|p| p.1.to_le_bytes()).collect();
        OWN | (crc32fast::hash(&bytes) & 0xffff) << 16
    }

    /// The same machine with `beats` cycles per weight word.
    ///
    /// # Errors
    /// [`IsaError::BadParameter`] unless `beats` is 1, 2 or 4.
    pub fn with_weight_beats(mut self, beats: u32) -> Result<Config, IsaError> {
        self.weight_beats = beats;
        self.check()?;
        Ok(self)
    }

    /// The same machine with another code of RRAM words.
    pub fn with_ecc(self, ecc: Ecc) -> Config {
        Config { ecc, ..self }
    }

    /// What the register `CONFIG` reads and records of images are made for: number | WEIGHT_BEATS << 8 | ECC << 16 |
    /// RRAM_CTRL << 20 | RESIDUAL << 21 | EVENTS << 22 | PRODUCT << 23 | POST_LANES << 24 | WEIGHT_ZERO << 31.
    pub fn machine(&self) -> u32 {
        let flags = [self.rram_ctrl, self.residual, self.events, self.product];
        let flags = flags.iter().rev().fold(0, |all, &flag| all << 1 | u32::from(flag));
        let zero = u32::from(self.weight_zero) << 31;
        self.id | self.weight_beats << 8 | (self.ecc as u32) << 16 | flags << 20 | self.post_lanes << 24 | zero
    }

    /// Cycles that POST takes for a vector: C / P.
    pub fn post_beats(&self) -> u32 {
        self.cols / self.post_lanes
    }

    /// Cycles that the vector unit takes for a word: C / VEC_LANES; 1 where there is none.
    pub fn vec_beats(&self) -> u32 {
        self.cols.checked_div(self.vec_lanes).unwrap_or(1)
    }

    /// Bits of a stored RRAM word: C bytes, check bits, and as many more as let it split into its beats.
    pub fn word_bits(&self) -> u32 {
        8 * self.cols + self.ecc.check_bits(self.cols).next_multiple_of(self.weight_beats)
    }

    /// 64-bit words of the vector unit's functions and parameters; 0 where there is none.
    pub fn vector_words(&self) -> u32 {
        if self.vec_lanes == 0 { 0 } else { crate::f24::SEGMENTS as u32 * 4 + self.vec_param_depth * self.cols }
    }

    /// Groups of C bytes in an X word: R / C.
    pub fn groups(&self) -> u32 {
        self.rows / self.cols
    }

    /// Words of one X sub-bank.
    pub fn x_bank_depth(&self) -> u32 {
        self.x_depth / self.x_banks
    }

    /// `name`, with `/D2` where WEIGHT_BEATS is not 1 and `/dected` where the code is not SECDED.
    pub fn label(&self) -> String {
        let mut label = self.name.to_string();
        if self.weight_beats != 1 {
            label += &format!("/D{}", self.weight_beats);
        }
        if self.ecc != Ecc::Secded {
            label += &format!("/{}", self.ecc.name());
        }
        label
    }

    /// Every size as `(Verilog parameter, value, unit and meaning)`, in a fixed order.
    pub fn parameters(&self) -> [(&'static str, u32, &'static str); 28] {
        [
            ("ROWS", self.rows, "rows R of the array; an X word is R bytes"),
            ("COLS", self.cols, "columns C; a weight, POST, LOAD or STORE word is C bytes"),
            ("WEIGHT_BEATS", self.weight_beats, "cycles D a weight bank needs for one word"),
            ("ECC", self.ecc as u32, "code of RRAM words; 0: SECDED, 1: DEC-TED"),
            ("RRAM_CTRL", self.rram_ctrl.into(), "1: weights in RRAM with its controller; 0: in RAM that the host loads"),
            ("WEIGHT_ZERO", self.weight_zero.into(), "1: a zero point is subtracted from weights as they are loaded; 0: none is"),
            ("POST_LANES", self.post_lanes, "results P that POST works on in a cycle"),
            ("RESIDUAL", self.residual.into(), "1: POST adds or compares a second operand; 0: it has none"),
            ("PRODUCT", self.product.into(), "1: POST multiplies with a second operand; 0: it does not"),
            ("EVENTS", self.events.into(), "1: events are counted; 0: EVENT_VALUE reads 0"),
            ("X_DEPTH", self.x_depth, "words of an activation bank"),
            ("X_BANKS", self.x_banks, "sub-banks of X, by the top address bits"),
            ("W_SRAM_DEPTH", self.w_sram_depth, "words of run-time weight SRAM in a row"),
            ("RRAM_DEPTH", self.rram_depth, "words of RRAM in a row"),
            ("RRAM_WAYS", self.rram_ways, "interleaved RRAM ways; cycles an access keeps a way busy"),
            ("ACC_DEPTH", self.acc_depth, "words of an accumulator lane"),
            ("PARAM_DEPTH", self.param_depth, "parameter words, C channels each"),
            ("LUT_COUNT", self.lut_count, "256-entry lookup tables"),
            ("IN_DEPTH", self.in_depth, "words of one IN buffer (of two)"),
            ("OUT_DEPTH", self.out_depth, "words of one OUT buffer (of two)"),
            ("LANE_TAPS", self.lane_taps, "multipliers in a lane of the lane engine; 0: there is none"),
            ("TAP_DEPTH", self.tap_depth, "tap words, C lanes of 3 x 3 weights each"),
            ("LINE_DEPTH", self.line_depth, "columns of the lane engine's line memories"),
            ("VEC_LANES", self.vec_lanes, "lanes of the vector unit; 0: there is none"),
            ("V_DEPTH", self.v_depth, "words of V, C numbers each"),
            ("VEC_PARAM_DEPTH", self.vec_param_depth, "parameter words of the vector unit, C lanes each"),
            ("TIMETABLE_DEPTH", self.timetable_depth, "rows of the timetable"),
            ("DESC_DEPTH", self.desc_depth, "128-bit words of descriptor memory"),
        ]
    }

    /// Checks what the Verilog checks at elaboration.
    ///
    /// # Errors
    /// [`IsaError::BadParameter`], naming the parameter and the rule.
    pub fn check(&self) -> Result<(), IsaError> {
        let bad = |parameter, value, rule| Err(IsaError::BadParameter { config: self.name.into(), parameter, value, rule });
        let pow2 = |v: u32| v.is_power_of_two();
        if !(pow2(self.cols) && (4..=32).contains(&self.cols)) {
            return bad("COLS", self.cols, "4, 8, 16 or 32");
        }
        if self.rows != self.cols && self.rows != 2 * self.cols {
            return bad("ROWS", self.rows, "COLS or 2 * COLS");
        }
        if ![1, 2, 4].contains(&self.weight_beats) {
            return bad("WEIGHT_BEATS", self.weight_beats, "1, 2 or 4");
        }
        if ![2, 4].contains(&self.x_banks) {
            return bad("X_BANKS", self.x_banks, "2 or 4");
        }
        if ![1, 2, 4].contains(&self.rram_ways) {
            return bad("RRAM_WAYS", self.rram_ways, "1, 2 or 4");
        }
        if self.rram_ways > 2 * self.weight_beats {
            return bad("RRAM_WAYS", self.rram_ways, "at most 2 * WEIGHT_BEATS");
        }
        if ![0, 9].contains(&self.lane_taps) {
            return bad("LANE_TAPS", self.lane_taps, "0 or 9");
        }
        if !pow2(self.post_lanes) || self.post_lanes > self.cols {
            return bad("POST_LANES", self.post_lanes, "a power of two, at most COLS");
        }
        // The lane engine has a result in every cycle.
        if self.lane_taps != 0 && self.post_lanes != self.cols {
            return bad("POST_LANES", self.post_lanes, "COLS where there is a lane engine");
        }
        if self.product && !self.residual {
            return bad("PRODUCT", 1, "0 where RESIDUAL is 0: there is no second operand");
        }
        let lanes = [0, self.cols, self.cols / 2, self.cols / 4];
        if !lanes.contains(&self.vec_lanes) || self.vec_lanes == 1 {
            return bad("VEC_LANES", self.vec_lanes, "0, or COLS, COLS / 2 or COLS / 4, at least 2");
        }
        if !self.rram_ctrl && self.ecc != Ecc::Secded {
            return bad("ECC", self.ecc as u32, "0 where RRAM_CTRL is 0: there is no code");
        }
        for (parameter, value, _) in self.parameters() {
            if !["LANE_TAPS", "VEC_LANES", "ECC", "RRAM_CTRL", "WEIGHT_ZERO", "RESIDUAL", "PRODUCT", "EVENTS"]
                .contains(&parameter)
                && !pow2(value)
            {
                return bad(parameter, value, "a power of two");
            }
        }
        // The least, and what a word counts against the most.
        for (parameter, value, least, each, limit) in [
            ("X_DEPTH", self.x_depth, 2 * self.x_banks, self.groups(), 1 << 16),
            ("RRAM_DEPTH", self.rram_depth, 4, 1, 1 << 16),
            ("W_SRAM_DEPTH", self.w_sram_depth, 2, self.rows.max(self.cols), 1 << 16),
            ("ACC_DEPTH", self.acc_depth, 4, 1, 1 << 12),
            ("PARAM_DEPTH", self.param_depth, 2, 1, 1 << 16),
            ("LUT_COUNT", self.lut_count, 1, 1, 16),
            ("TAP_DEPTH", self.tap_depth, 2, 1, 1 << 11),
            ("LINE_DEPTH", self.line_depth, 2, 1, 1 << 11),
            ("V_DEPTH", self.v_depth, 4, 1, 1 << 16),
            ("VEC_PARAM_DEPTH", self.vec_param_depth, 2, 1, 1 << 12),
            ("IN_DEPTH", self.in_depth, 4, self.cols, 1 << 17),
            ("OUT_DEPTH", self.out_depth, 4, 1, 1 << 16),
            ("TIMETABLE_DEPTH", self.timetable_depth, 4, 1, 1 << 16),
            ("DESC_DEPTH", self.desc_depth, 4, 1, 1 << 16),
        ] {
            if value < least {
                return bad(parameter, value, "too small");
            }
            if u64::from(value) * u64::from(each) > limit {
                return bad(parameter, value, "too large for its address field");
            }
        }
        if self.timetable_depth > 2 * self.desc_depth {
            return bad("TIMETABLE_DEPTH", self.timetable_depth, "at most twice DESC_DEPTH");
        }
        if self.rram_ctrl && !(self.rram_depth >= 128 && Layout::of(self).holds_its_table()) {
            return bad("RRAM_DEPTH", self.rram_depth, "too small for two slots, the copies of their line tables and records");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_configuration_is_legal_at_every_weight_beats() {
        for (id, config) in CONFIGS.into_iter().enumerate() {
            assert_eq!(config.id as usize, id);
            for beats in [1, 2, 4] {
                config.clone().with_weight_beats(beats).unwrap();
            }
            assert!(config.with_weight_beats(3).is_err());
        }
    }

    #[test]
    fn an_unknown_configuration_names_the_known_ones() {
        let text = Config::named("huge").unwrap_err().to_string();
        assert!(text.contains("huge") && text.contains("tiny, small, wide, base, large"));
    }

    #[test]
    fn sizes_of_ones_own_are_checked_like_named_ones() {
        let own = Config::named("small, post_lanes=2, RRAM_CTRL=0").unwrap();
        assert_eq!((own.id, own.post_lanes, own.rram_ctrl, own.rows), (OWN, 2, false, 8));
        assert_eq!(own.machine(), OWN | 1 << 8 | 0b110 << 20 | 2 << 24);
        assert_eq!(Config::named("small,WEIGHT_ZERO=1").unwrap().machine(), OWN | 1 << 8 | 0b111 << 20 | 8 << 24 | 1 << 31);
        assert_eq!(Config::named("small,ROWS=8").unwrap(), Config::named("small").unwrap());
        assert_eq!(Config::named("small,ECC=1").unwrap().label(), "small/dected");
        let other = Config::named("small,POST_LANES=2,RRAM_CTRL=0,ACC_DEPTH=64").unwrap();
        assert_ne!(own.image_id(), other.image_id());
        for (text, said) in [
            ("small,ROWS=12", "COLS or 2 * COLS"),
            ("small,POST_LANES=16", "at most COLS"),
            ("tiny,POST_LANES=1", "COLS where there is a lane engine"),
            ("small,RRAM_CTRL=2", "0 or 1"),
            ("small,WEIGHT_ZERO=2", "0 or 1"),
            ("wide,RESIDUAL=0", "there is no second operand"),
            ("nano,ECC=1", "there is no code"),
            ("small,LANES=2", "POST_LANES"),
            ("small,ROWS", "NAME=VALUE"),
            ("small,POST_LANES=2,post_lanes=4", "a second POST_LANES"),
            ("nano,ACC_DEPTH=1", "ACC_DEPTH = 1 is illegal: too small"),
            ("small,IN_DEPTH=32768", "IN_DEPTH = 32768 is illegal: too large"),
            ("small,IN_DEPTH=536870912", "too large"),
            ("tiny,RRAM_DEPTH=32", "too small for two slots"),
            ("large,RRAM_DEPTH=128", "too small for two slots"),
            ("small,TIMETABLE_DEPTH=2048", "twice DESC_DEPTH"),
            ("small,ROWS=many", "ROWS=many"),
        ] {
            let error = Config::named(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
