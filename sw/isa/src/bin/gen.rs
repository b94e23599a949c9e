// SPDX-License-Identifier: Apache-2.0
//! `make gen`: writes the Verilog headers and the tables in docs/.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::write(root.join("rtl/include/systole_isa.vh"), systole_isa::generate::verilog_header())?;
    fs::write(root.join("rtl/include/systole_rram_rom.vh"), systole_isa::generate::rom_header())?;
    for entry in fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "md") {
            let text = fs::read_to_string(&path)?;
            let new = systole_isa::generate::refresh(&text).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
            if new != text {
                fs::write(&path, new)?;
                println!("wrote {}", path.file_name().unwrap_or_default().display());
            }
        }
    }
    Ok(())
}
