// SPDX-License-Identifier: Apache-2.0
//! Matrix products and the layers of ResNet-8 with their cycles on `base`, as JSON: what scripts/scalesim.py sets
//! beside SCALE-Sim.

use serde_json::json;
use systole_backends::Backend;
use systole_compiler::{Options, compile};
use systole_isa::Config;
use systole_model::graph::Op;
use systole_workloads::networks::resnet8;
use systole_workloads::{check_graph, random};

/// M, K, N.
const GEMMS: [[usize; 3]; 9] = [
    [1, 1024, 1024],
    [1, 256, 256],
    [4, 1024, 1024],
    [16, 512, 512],
    [64, 256, 256],
    [256, 256, 256],
    [100, 100, 100],
    [31, 129, 65],
    [512, 64, 96],
];

fn main() -> anyhow::Result<()> {
    let config = Config::named("base")?;
    let mut all = vec![];
    for [m, k, n] in GEMMS {
        let (network, input) = random::gemm(1, m, k, n, false);
        let graph = network.graph()?;
        let compiled = compile(&graph, &config, &Options::default())?;
        let report =
            check_graph(&graph, &compiled, &config, Backend::Model, &[input], &systole_chip::Options::default(), |_| {})?;
        anyhow::ensure!(report.is_good(), "{m} x {k} x {n}");
        let cycles = report.cycles_measured[0];
        all.push(json!({"group": "GEMM", "name": format!("{m} x {k} x {n}"), "m": m, "k": k, "n": n, "cycles": cycles}));
    }
    let (graph, input) = resnet8();
    let compiled = compile(&graph, &config, &Options::default())?;
    let report = check_graph(&graph, &compiled, &config, Backend::Model, &[input], &systole_chip::Options::default(), |_| {})?;
    anyhow::ensure!(report.is_good(), "ResNet-8");
    for l in &compiled.layers {
        let Op::Conv { weights, .. } = &graph.layers[l.layer].op else { continue };
        let n = graph.maps[l.layer + 1].shape[2];
        let k = weights.len() / n;
        all.push(json!({"group": "ResNet-8", "name": l.name, "m": l.m, "k": k, "n": n, "cycles": l.cycles}));
    }
    println!("{}", serde_json::to_string(&json!({"rows": all, "resnet8": report.cycles_measured[0]}))?);
    Ok(())
}
