// SPDX-License-Identifier: Apache-2.0
//! `make gen`: writes the Verilog and C headers, the registers in SystemRDL, lists of files, and the tables in docs/.

use std::path::Path;
use std::{fs, io};
use systole_isa::generate;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (path, text) in generate::files(&root)? {
        fs::write(root.join(path), text)?;
    }
    let ports = generate::port_tables(&root.join("rtl"))?;
    for path in generate::documents(&root.join("docs"))? {
        let text = fs::read_to_string(&path)?;
        let new = generate::refresh(&text, &ports).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
        if new != text {
            fs::write(&path, new)?;
            println!("wrote {}", path.file_name().unwrap_or_default().display());
        }
    }
    Ok(())
}
