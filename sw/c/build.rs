// SPDX-License-Identifier: Apache-2.0
//! Compiles the driver as its users do: C99, freestanding, no warning let through.

fn main() {
    let files = ["src/systole.c", "src/systole_image.c", "src/systole_rram.c", "rust/glue.c"];
    let flags =
        ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffreestanding", "-Wconversion", "-Wshadow", "-Wcast-qual"];
    let mut build = cc::Build::new();
    build.files(files).include("include").include("src").warnings(false);
    flags.iter().for_each(|flag| {
        build.flag(flag);
    });
    build.compile("systole_driver");
    for path in ["include", "src", "rust/glue.c"] {
        println!("cargo::rerun-if-changed={path}");
    }
}
