// SPDX-License-Identifier: Apache-2.0
//! One network on several machines.

use systole_isa::Config;
use systole_isa::config::CONFIGS;

/// A machine, and what the network takes on it.
pub struct Machine {
    /// Its name.
    pub name: String,
    /// R x C.
    pub multipliers: u64,
    /// What that is: rows x columns.
    pub shape: String,
    /// Cycles and utilisation, or why it does not run.
    pub outcome: Result<(u64, f64), String>,
    /// Whether the page is about it.
    pub this: bool,
}

/// The network on the page's own machine, whose outcome is known, and on each named one by `compile`, which gives cycles and
/// utilisation; by multipliers.
pub fn compare(own: (&Config, (u64, f64)), compile: impl Fn(&Config) -> Result<(u64, f64), String>) -> Vec<Machine> {
    let machine = |c: &Config, outcome, this| Machine {
        name: c.label(),
        multipliers: u64::from(c.rows * c.cols),
        shape: format!("{} × {}", c.rows, c.cols),
        outcome,
        this,
    };
    let mut all = vec![machine(own.0, Ok(own.1), true)];
    all.extend(CONFIGS.iter().filter(|c| *c != own.0).map(|c| machine(c, compile(c), false)));
    all.sort_by_key(|m| (m.multipliers, !m.this));
    all
}

/// The first part of a reason: what is missing, without what could be done about it.
pub fn reason(text: &str) -> String {
    text.split(';').next().unwrap_or(text).lines().next().unwrap_or(text).trim().to_string()
}
