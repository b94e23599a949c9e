// SPDX-License-Identifier: Apache-2.0
//! Cycles of the MLPerf Tiny networks on every configuration that takes them:
//! `cargo run --release -p systole-verif --example networks` (`-- --layers` for each layer).

use systole_compiler::{Options, compile};
use systole_isa::config::CONFIGS;
use systole_verif::workloads::{ds_cnn, mobilenet, resnet8};

fn main() {
    let layers = std::env::args().any(|a| a == "--layers");
    println!("| network | configuration | cycles | utilisation | multiplications | weight words | X words | compile ms |");
    println!("|---|---|---|---|---|---|---|---|");
    for (graph, _) in [ds_cnn(), mobilenet(), resnet8()] {
        for config in CONFIGS {
            let begin = std::time::Instant::now();
            match compile(&graph, &config, &Options::default()) {
                Ok(c) => {
                    let used = |name: &str| c.memory.iter().find(|m| m.memory == name).map_or(0, |m| m.used);
                    println!(
                        "| {} | {} | {} | {:.1} % | {} | {} | {} | {:.0} |",
                        graph.name,
                        config.label(),
                        c.cycles,
                        100.0 * c.utilisation,
                        graph.macs(),
                        used("RRAM"),
                        used("X"),
                        begin.elapsed().as_secs_f64() * 1e3
                    );
                    for l in c.layers.iter().filter(|_| layers) {
                        println!(
                            "    {:<20} {:<12} {:>6} pixels {:>3} x {:>2} tiles {:>6} cycles {:>6} waiting: {}",
                            l.name, l.kind, l.m, l.k_tiles, l.n_tiles, l.cycles, l.bubble, l.why
                        );
                    }
                }
                Err(e) => println!("| {} | {} | {e} | | | | | |", graph.name, config.label()),
            }
        }
    }
}
