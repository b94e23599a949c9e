// SPDX-License-Identifier: Apache-2.0
//! Cycles of the MLPerf Tiny networks, and of larger ones that run in bands of rows, on every configuration that takes them:
//! `cargo run --release -p systole-verif --example networks` (`-- --layers` for each layer).

use systole_compiler::{Options, compile};
use systole_isa::Config;
use systole_isa::config::CONFIGS;
use systole_workloads::networks::{ds_cnn, encoder, mobilenet, mobilenet_on, mobilenet_v2, resnet8};

fn main() {
    let layers = std::env::args().any(|a| a == "--layers");
    println!(
        "| network | configuration | cycles | utilisation | multiplications | weight words | X words | bands | compile ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let larger = [
        (mobilenet(), vec!["small,RRAM_DEPTH=8192,IN_DEPTH=4096,PARAM_DEPTH=512"]),
        (mobilenet_on(128), vec!["base", "large"]),
        (mobilenet_on(160), vec!["base", "base,IN_DEPTH=8192", "large"]),
        (mobilenet_on(224), vec!["base"]),
        (mobilenet_v2(96), vec!["base", "large"]),
        (encoder(32, 128, 4), vec!["base", "small,VEC_LANES=8"]),
        (encoder(32, 384, 6), vec!["base"]),
    ];
    let tiny = [ds_cnn(), mobilenet(), resnet8()].map(|n| (n, CONFIGS.map(|c| c.name).to_vec()));
    for ((graph, _), configs) in tiny.into_iter().chain(larger) {
        for name in configs {
            let Ok(config) = Config::named(name) else { continue };
            let begin = std::time::Instant::now();
            match compile(&graph, &config, &Options::default()) {
                Ok(c) => {
                    let used = |name: &str| c.memory.iter().find(|m| m.memory == name).map_or(0, |m| m.used);
                    println!(
                        "| {} | {} | {} | {:.1} % | {} | {} | {} | {} | {:.0} |",
                        graph.name,
                        config.label(),
                        c.cycles,
                        100.0 * c.utilisation,
                        graph.macs(),
                        used("RRAM"),
                        used("X"),
                        c.layers.iter().map(|l| l.bands).max().unwrap_or(1),
                        begin.elapsed().as_secs_f64() * 1e3
                    );
                    for l in c.layers.iter().filter(|_| layers) {
                        println!(
                            "    {:<20} {:<12} {:>6} pixels {:>3} x {:>2} tiles {:>6} cycles {:>6} waiting: {}",
                            l.name, l.kind, l.m, l.k_tiles, l.n_tiles, l.cycles, l.bubble, l.why
                        );
                    }
                }
                Err(e) => println!("| {} | {} | {e} | | | | | | |", graph.name, config.label()),
            }
        }
    }
}
