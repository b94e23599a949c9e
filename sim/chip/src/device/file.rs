// SPDX-License-Identifier: Apache-2.0
//! A part in a file: the bytes, and whether a machine may have them.

use super::Device;
use systole_isa::Config;
use systole_isa::ecc::Ecc;

/// Its last character goes up with every change of [`super::Corner`] or [`Device`].
const MAGIC: &[u8] = b"SYSRRAM2";

impl Device {
    /// Reads a part from the bytes of its file.
    ///
    /// # Errors
    /// Bytes that are damaged, or belong to another machine; the text says which.
    pub fn from_bytes(bytes: &[u8], config: &Config) -> Result<Device, String> {
        let body = bytes.len().checked_sub(4).ok_or("too short for an RRAM file")?;
        let crc = u32::from_le_bytes(std::array::from_fn(|i| bytes[body + i]));
        if bytes.starts_with(&MAGIC[..7]) && !bytes.starts_with(MAGIC) {
            return Err("the RRAM of another version of the device model: make a new part".into());
        }
        if !bytes.starts_with(MAGIC) || crc32fast::hash(&bytes[..body]) != crc {
            return Err("no RRAM file, or a damaged one".into());
        }
        let device: Device = postcard::from_bytes(bytes.get(MAGIC.len()..body).unwrap_or(&[])).map_err(|e| e.to_string())?;
        device.check(config)?;
        Ok(device)
    }

    /// Whether the part is that of a machine.
    fn check(&self, config: &Config) -> Result<(), String> {
        if self.machine != config.machine() {
            let say = |m: u32| {
                let name = systole_isa::config::CONFIGS.get((m & 0xff) as usize).map_or("of its own sizes", |c| c.name);
                let code = Ecc::ALL.get((m >> 16 & 0xf) as usize).map_or("another code", |e| e.name());
                format!("configuration {} ({name}) with WEIGHT_BEATS {} and {code}", m & 0xff, m >> 8 & 0xff)
            };
            return Err(format!(
                "the RRAM of {}, this machine is {}: take the machine it belongs to, or another file",
                say(self.machine),
                say(config.machine())
            ));
        }
        // Of one's own sizes the number says too little.
        if self.sizes != config.image_id() >> 16 {
            return Err(format!(
                "the RRAM of a machine of other sizes than {}: take those that it was made with",
                config.label()
            ));
        }
        let here = (config.rows, config.word_bits() / config.weight_beats, config.rram_depth * config.weight_beats);
        if (self.rows, self.width, self.depth) != here {
            return Err(format!(
                "the RRAM of {} rows of {} words of {} bits, this machine has {} of {} of {}",
                self.rows, self.depth, self.width, here.0, here.2, here.1
            ));
        }
        Ok(())
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// That of the serialiser.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(self).map_err(|e| e.to_string())?);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }
}
