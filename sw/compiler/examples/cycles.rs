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
            output: if raw && i + 1 == count {
                Output::Raw32
            } else {
                Output::Int8(Quantised::plain(vec![0.01; w[1]], 0))
            },
        })
        .collect();
    Network {
        name: name.into(),
        m,
        k: widths[0],
        zero_point: 0,
        layers,
    }
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
    for network in &networks {
        for name in ["base", "wide", "large"] {
            for beats in [1, 2, 4] {
                let config = Config::named(name)
                    .and_then(|c| c.with_weight_beats(beats))
                    .expect("a named configuration");
                let begin = std::time::Instant::now();
                let Ok(c) = compile(network, &config, &Options::default()) else {
                    continue;
                };
                println!(
                    "| {} | {} | {} | {} | {} | {:.1} % | {:.0} |",
                    network.name,
                    config.label(),
                    c.law,
                    c.cycles,
                    c.cycles as i64 - c.law as i64,
                    100.0 * c.utilisation,
                    begin.elapsed().as_secs_f64() * 1e3,
                );
                if std::env::args().any(|a| a == "--layers") {
                    for l in &c.layers {
                        println!("  {l:?}");
                    }
                }
            }
        }
    }
}
