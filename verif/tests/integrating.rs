// SPDX-License-Identifier: Apache-2.0
//! What docs/integrating.md shows.

use std::path::Path;

/// The picture is of this RTL: as `cargo run -p systole-verif --example run_wave -- docs/img/run.svg` draws it.
#[test]
fn the_picture_of_a_run_is_of_this_rtl() {
    let folder = tempfile::tempdir().unwrap();
    let now = systole_verif::run_wave::picture(folder.path()).unwrap();
    let kept = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/img/run.svg")).unwrap();
    let differ = now.lines().zip(kept.lines()).find(|(a, b)| a != b);
    assert!(now == kept, "docs/img/run.svg is of another run; now and then: {differ:?}");
}
