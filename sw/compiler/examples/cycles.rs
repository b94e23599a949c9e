// SPDX-License-Identifier: Apache-2.0
//! The cycle table of docs/compiler.md: `cargo run -p systole-compiler --example cycles`.

use systole_compiler::{Options, compile};
use systole_isa::Config;
use systole_model::{Dense, Network, Output, Quantised};

fn chain(name: &str, m: usize, widths: &[usize], raw: bool) -> Network {
    let count = widths.len() - 1;
    let layers = widths
        .windows(2)
        .enumerate()
        .map(|(i, w)| Dense {
            k: w[0],
            n: w[1],
            weights: vec![1; w[0] * w[1]],
            bias: vec![0; w[1]],
            output: if raw && i + 1 == count { Output::Raw32 } else { Output::Int8(Quantised::plain(vec![0.01; w[1]], 0)) },
        })
        .collect();
    Network { name: name.into(), m, k: widths[0], zero_point: 0, layers }
}

fn main() {
    let autoencoder = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640];
    let networks = [
        chain("1x1024x1024", 1, &[1024, 1024], false),
        chain("1x1024x1024 int32", 1, &[1024, 1024], true),
        chain("256x256x256", 256, &[256, 256], false),
        chain("64x256x256 int32", 64, &[256, 256], true),
        chain("autoencoder, 1 row", 1, &autoencoder, false),
        chain("autoencoder, 4 rows", 4, &autoencoder, false),
        chain("digits 64-32-10", 1, &[64, 32, 10], false),
        chain("100x100x100", 100, &[100, 100], false),
    ];
    println!("| network | configuration | law | END | above the law | utilisation | compile ms |");
    println!("|---|---|---|---|---|---|---|");
    let machines = [("base", 1), ("base", 2), ("base", 4), ("tiny", 1), ("small", 1), ("wide", 1), ("large", 1)];
    let layers = std::env::args().any(|a| a == "--layers");
    for network in &networks {
        for (name, beats) in machines {
            let config = Config::named(name).and_then(|c| c.with_weight_beats(beats)).expect("a named configuration");
            let begin = std::time::Instant::now();
            let Ok(c) = compile(&network.graph().expect("sound"), &config, &Options::default()) else {
                continue; // does not fit this machine
            };
            let above = c.cycles - c.law;
            println!(
                "| {} | {} | {} | {} | {above} | {:.1} % | {:.0} |",
                network.name,
                config.label(),
                c.law,
                c.cycles,
                100.0 * c.utilisation,
                begin.elapsed().as_secs_f64() * 1e3,
            );
            for l in c.layers.iter().filter(|_| layers) {
                println!(
                    "    {}: {} rows, {} x {} tiles, law {}, {} cycles, {} waiting: {}",
                    l.name, l.m, l.k_tiles, l.n_tiles, l.law, l.cycles, l.bubble, l.order
                );
            }
        }
    }
}
