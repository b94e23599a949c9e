// SPDX-License-Identifier: Apache-2.0
//! An RRAM part and the file that keeps it.

use crate::ChipError;
use crate::device::{Corner, Device};
use std::path::{Path, PathBuf};
use std::time::Duration;
use systole_files::{Lock, LockError};
use systole_isa::Config;

/// What is done with a part's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// It is only read: what the chip does to its cells is done to a copy, and nothing is written.
    Read,
    /// The chip is used. What it writes again on its own (a weak record at wake, a line that a run scrubbed) is kept where the file
    /// may be written, and done to a copy where not.
    Use,
    /// The cells are changed.
    #[default]
    Change,
}

/// An RRAM part.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its file: read if it is there, written when the simulation ends.
    pub file: Option<PathBuf>,
    /// What is done with the file.
    pub access: Access,
    /// How long another process that changes the same file is waited for.
    pub wait: Duration,
    /// Parameters of a new part.
    pub corner: Corner,
    /// Seed of a new part.
    pub seed: u64,
    /// Cycles of a pulse.
    pub pulse_cycles: u32,
}

impl Default for Part {
    fn default() -> Part {
        Part {
            file: None,
            access: Access::default(),
            wait: Duration::from_secs(600),
            corner: Corner::typ22(),
            seed: 1,
            pulse_cycles: 100,
        }
    }
}

/// A part's file while the part is in use. Whoever may change it has the file's lock from before it was read until this is dropped.
#[derive(Debug)]
pub struct PartFile {
    changes: Option<(PathBuf, Lock)>,
}

impl Part {
    /// The part in its file, or a new one where there is none, and what saves it.
    ///
    /// # Errors
    /// [`ChipError::Busy`] where another process has the file for longer than `wait`; [`ChipError::Part`]: a file that cannot be
    /// read, is damaged, belongs to another machine, or cannot be locked because its folder is read-only.
    pub fn open(&self, config: &Config) -> Result<(Device, PartFile), ChipError> {
        if !config.rram_ctrl {
            return Err(ChipError::Part(format!(
                "{} has no RRAM (RRAM_CTRL = 0): run without a part, images are loaded",
                config.label()
            )));
        }
        let Some(file) = &self.file else {
            return Ok((Device::new(config, self.corner.clone(), self.seed), PartFile { changes: None }));
        };
        let lock = self.lock(file)?;
        let device = match std::fs::read(file) {
            Ok(bytes) => Device::from_bytes(&bytes, config).map_err(|e| ChipError::Part(format!("{}: {e}", file.display())))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && self.access == Access::Change => {
                Device::new(config, self.corner.clone(), self.seed)
            }
            Err(e) => return Err(ChipError::Part(format!("{}: {e}", file.display()))),
        };
        Ok((device, PartFile { changes: lock.map(|lock| (file.clone(), lock)) }))
    }

    fn lock(&self, file: &Path) -> Result<Option<Lock>, ChipError> {
        if self.access == Access::Read {
            return Ok(None);
        }
        let may = systole_files::check(file).map_err(LockError::from);
        match may.and_then(|()| Lock::take(file, self.wait, |text| eprintln!("systole: {text}"))) {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::File(e)) if self.access == Access::Use && e.is_read_only() => Ok(None),
            Err(LockError::File(e)) => Err(ChipError::Part(e.to_string())),
            Err(busy) => Err(ChipError::Busy(busy)),
        }
    }
}

impl PartFile {
    /// Writes the part where it changed, whole or not at all.
    ///
    /// # Errors
    /// [`ChipError::Part`]: the file cannot be written.
    pub fn save(&self, device: &Device) -> Result<(), ChipError> {
        let Some((file, _lock)) = &self.changes else { return Ok(()) };
        let bytes = device.to_bytes().map_err(|e| ChipError::Part(format!("cannot write {}: {e}", file.display())))?;
        if std::fs::read(file).is_ok_and(|now| now == bytes) {
            return Ok(());
        }
        systole_files::write(file, &bytes).map_err(|e| ChipError::Part(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Pulse;
    use systole_isa::ecc::Ecc;

    fn tiny() -> Config {
        Config::named("tiny").unwrap()
    }

    #[test]
    fn a_part_comes_back_from_its_file_and_a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.rram");
        let part = Part { file: Some(path.clone()), seed: 3, ..Part::default() };
        let (mut d, file) = part.open(&tiny()).unwrap();
        d.pulse(1, 5, Pulse { part: 0, reset: false, level: 8, mask: 0xff, cut: false });
        file.save(&d).unwrap();
        drop(file);
        let open = |config: &Config| Part { seed: 99, ..part.clone() }.open(config).map(|o| o.0).map_err(|e| e.to_string());
        let again = open(&tiny()).unwrap();
        assert_eq!((again.seed, again.planes(1, 5), &again.totals), (3, d.planes(1, 5), &d.totals));
        let error = open(&Config::named("small").unwrap()).unwrap_err();
        assert!(error.contains("part.rram") && error.contains("configuration 0"), "{error}");
        let error = open(&tiny().with_ecc(Ecc::DecTed)).unwrap_err();
        assert!(error.contains("WEIGHT_BEATS 1 and secded") && error.contains("WEIGHT_BEATS 1 and dected"), "{error}");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(open(&tiny()).unwrap_err().contains("damaged"));
        bytes[7] = b'1';
        std::fs::write(&path, &bytes).unwrap();
        assert!(open(&tiny()).unwrap_err().contains("another version"));
    }

    #[test]
    fn no_change_of_a_part_is_lost_among_threads_that_change_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("part.rram"), folder.path().join("link.rram"));
        std::os::unix::fs::symlink("part.rram", &link).unwrap();
        std::thread::scope(|s| {
            for n in 0..12 {
                let file = Some(if n % 2 == 0 { path.clone() } else { link.clone() });
                s.spawn(move || {
                    let (mut device, file) = Part { file, ..Part::default() }.open(&tiny()).unwrap();
                    device.age(1.0, 85.0);
                    file.save(&device).unwrap();
                });
            }
        });
        let (device, _file) = Part { file: Some(path), ..Part::default() }.open(&tiny()).unwrap();
        assert_eq!(device.now, 12.0);
        assert!(link.is_symlink());
    }

    #[test]
    fn a_part_that_another_process_keeps_is_named_with_its_file_and_readers_do_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part { file: Some(folder.path().join("part.rram")), wait: Duration::from_millis(50), ..Part::default() };
        let (device, file) = part.open(&tiny()).unwrap();
        file.save(&device).unwrap();
        let error = part.open(&tiny()).unwrap_err();
        assert!(matches!(error, ChipError::Busy(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("part.rram is in use by process") && text.contains(&std::process::id().to_string()), "{text}");
        Part { access: Access::Read, ..part.clone() }.open(&tiny()).unwrap();
        // The lock goes with its owner; the file that stays behind locks nobody out.
        drop(file);
        assert!(folder.path().join(".part.rram.lock").exists());
        part.open(&tiny()).unwrap();
    }

    #[test]
    fn a_reader_writes_nothing_and_a_user_only_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.rram");
        let part = Part { file: Some(path.clone()), ..Part::default() };
        let (device, file) = part.open(&tiny()).unwrap();
        file.save(&device).unwrap();
        drop(file);
        let before = std::fs::read(&path).unwrap();
        let age = |access| {
            let (mut device, file) = Part { access, ..part.clone() }.open(&tiny()).unwrap();
            device.age(1.0, 85.0);
            file.save(&device).unwrap();
        };
        age(Access::Read);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        age(Access::Use);
        assert_ne!(std::fs::read(&path).unwrap(), before);
        // No part is made by one who only wants to use it.
        for access in [Access::Read, Access::Use] {
            let none = Part { file: Some(folder.path().join("none.rram")), access, ..Part::default() };
            assert!(none.open(&tiny()).unwrap_err().to_string().contains("none.rram"));
        }
    }
}
