// SPDX-License-Identifier: Apache-2.0
//! Compiled models on disk: copies of a project, edits, damage.

use std::path::Path;
use std::sync::Arc;
use verilated::{Model, Spec};

fn write(dir: &Path, limit: u32) -> Spec {
    std::fs::create_dir_all(dir.join("inc/deep")).expect("created");
    let top = "`include \"deep/limit.vh\"\nmodule ends(input clk, output reg [7:0] n);\n  initial n = 0;\n  always @(posedge clk) begin\n    n <= n + 1;\n    if (n == `LIMIT) $stop;\n  end\nendmodule\n";
    std::fs::write(dir.join("ends.v"), top).expect("written");
    std::fs::write(dir.join("inc/deep/limit.vh"), format!("`define LIMIT {limit}\n")).expect("written");
    Spec::new("ends").source(dir.join("ends.v")).include_dir(dir.join("inc")).coverage(true)
}

fn cycles(spec: &Spec) -> (u64, Model) {
    let mut model = Model::new(&spec.build().expect("builds")).expect("opens");
    let clk = model.port("clk").expect("a port");
    (model.run_cycles(clk, 100), model)
}

#[test]
fn threads_and_copies_share_a_model_an_edit_deep_inside_does_not_and_damage_is_mended() {
    let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    // A name of its own for each run: the cache outlives it.
    let specs = [a.path(), b.path()].map(|dir| write(dir, 5).define("RUN", std::process::id()));
    let [one, other] = std::thread::scope(|scope| {
        [(); 2].map(|()| scope.spawn(|| specs[0].build().expect("builds"))).map(|thread| thread.join().expect("no panic"))
    });
    assert!(Arc::ptr_eq(&one, &other), "built and loaded once");
    let (ran, first) = cycles(&specs[0]);
    assert_eq!(ran, 6);
    let (ran, mut copy) = cycles(&specs[1]);
    assert_eq!(ran, 6);
    assert_eq!(first.library().file(), copy.library().file());
    for (model, dir) in [(&first, a.path()), (&copy, b.path())] {
        let text = model.stop().expect("stopped").text;
        assert!(text.starts_with(&dir.join("ends.v:6").display().to_string()), "{text}");
    }
    let data = b.path().join("coverage.dat");
    copy.write_coverage(&data).expect("written");
    let data = std::fs::read_to_string(data).expect("text");
    assert!(data.contains(&b.path().join("ends.v").display().to_string()) && !data.contains(&a.path().display().to_string()));

    write(b.path(), 9);
    assert_eq!(cycles(&specs[1]).0, 10, "the included file was changed");
    assert_eq!(cycles(&specs[0]).0, 6, "the other project's was not");

    let file = first.library().file();
    let whole = std::fs::read(file).expect("read");
    std::fs::remove_file(file).expect("removed"); // the loaded one stays mapped
    std::fs::write(file, &whole[..whole.len() / 2]).expect("written");
    assert_eq!(cycles(&specs[0]).0, 6);
    assert!(std::fs::metadata(file).expect("there").len() > whole.len() as u64 / 2, "it was built again");

    let designs = file.ancestors().nth(2).expect("two levels up");
    std::fs::remove_dir_all(designs).expect("removed");
}
