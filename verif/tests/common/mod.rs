// SPDX-License-Identifier: Apache-2.0
//! Shared by the block test benches: a block of the RTL with its sources.
//!
//! A bench's loop sets what stands during cycle t and waits for the edge that ends it; what it reads
//! then is what stood in cycle t. So outputs can be compared with the cycle numbers in the headers.

#![allow(dead_code)]

pub mod netlist;

use harness::verilated::Spec;
use harness::{Clock, Sim};
use std::future::Future;
use std::path::{Path, PathBuf};

/// The block `top` of the chip's RTL.
pub fn block(top: &str) -> Spec {
    block_of(top, systole_chip::source_list().unwrap())
}

/// The block as it is, and as it is for an ECP5, with a model of the FPGA's multiplier.
pub fn block_variants(top: &str) -> [Spec; 2] {
    let cell = concat!(env!("CARGO_MANIFEST_DIR"), "/cells/MULT18X18D.v");
    [block(top), block_of(top, systole_chip::source_list_for("ecp5").unwrap()).source(cell)]
}

/// The block as Yosys makes it for an ECP5, with these sizes.
pub fn block_netlist(top: &str, sizes: &[&str]) -> Spec {
    let sizes = sizes.iter().flat_map(|size| ["--set", size]);
    let folder = netlist::netlist(top, &["--block", top].into_iter().chain(sizes).collect::<Vec<_>>());
    systole_chip::netlist_spec_of(top, &folder).unwrap()
}

/// The block of a list of sources and include folders. Verilator finds the modules of a block in the folders of the list, and reads no other file: half of its time, and a change elsewhere builds
/// no block again.
pub fn block_of(top: &str, (sources, includes): (Vec<PathBuf>, Vec<PathBuf>)) -> Spec {
    let own = sources.iter().filter(|path| path.file_stem().is_some_and(|stem| stem == top)).cloned();
    let mut folders: Vec<&Path> = sources.iter().filter_map(|path| path.parent()).collect();
    folders.sort_by_key(|folder| !folder.ends_with("ecp5")); // its cells are found before those whose place they take
    folders.dedup();
    let spec = includes.into_iter().fold(Spec::new(top).sources(own), Spec::include_dir);
    folders.iter().fold(spec, |spec, folder| spec.argument("-y").argument(folder.to_string_lossy()))
}

/// Runs a bench on a block, after reset where it has one.
pub fn bench<T: 'static, F: Future<Output = T> + 'static>(
    spec: &Spec,
    seed: u64,
    main: impl FnOnce(Sim, Clock) -> F + 'static,
) -> T {
    let library = spec.build().unwrap_or_else(|e| panic!("{e}"));
    let run = harness::run(&library, seed, None, move |sim| async move {
        let clk = sim.clock("clk_i");
        if sim.has("rst_i") {
            sim.signal("rst_i").set(1);
            clk.cycles(3).await;
            sim.signal("rst_i").set(0);
            clk.rising_edge().await;
        }
        main(sim, clk).await
    });
    run.unwrap_or_else(|e| panic!("{e}")).value
}

/// A thread for each case: their models are built side by side. A case that fails fails the test. Each thread has the test's name, by
/// which a run that fails says how to repeat it.
pub fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, job: impl Fn(T) + Sync) {
    let name = std::thread::current().name().unwrap_or("main").to_string();
    std::thread::scope(|scope| {
        for case in cases {
            let job = &job;
            let thread = std::thread::Builder::new().name(name.clone());
            thread.spawn_scoped(scope, move || job(case)).unwrap();
        }
    });
}
