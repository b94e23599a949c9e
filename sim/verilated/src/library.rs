// SPDX-License-Identifier: Apache-2.0
//! A compiled design.

use crate::inputs::Inputs;
use crate::port::{PortInfo, Ports, parse_header};
use crate::{Error, Spec};
use std::fs;
use std::path::{Path, PathBuf};

/// A compiled model: its ports, and the shared object that makes instances.
pub struct Library {
    pub(crate) library: libloading::Library,
    pub(crate) trace: bool,
    pub(crate) coverage: bool,
    top: String,
    file: PathBuf,
    ports: Vec<PortInfo>,
    /// Ports that cannot be used, and why.
    refused: Vec<(String, &'static str)>,
    /// Where the project lay when the model was built, and where it lies now, where these differ.
    moved: Option<(String, String)>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("top", &self.top).field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Library {
    pub(crate) fn load(spec: &Spec, home: &Path, root: &Path) -> Result<Library, Error> {
        let read = |name: &str| fs::read_to_string(home.join(name)).map_err(|source| Error::Cache { path: home.into(), source });
        let Ports { usable, refused } = parse_header(&read("Vmodel.h")?);
        let built = Inputs::from_text(&read("inputs")?).map_or_else(|| root.into(), |inputs| inputs.root);
        let file = home.join("model.so");
        Ok(Library {
            library: crate::model::open(&file)?,
            trace: spec.trace,
            coverage: spec.coverage,
            top: spec.top.clone(),
            file,
            ports: usable.into_iter().map(|(port, _)| port).collect(),
            refused,
            moved: (built != root).then(|| (format!("{}/", built.display()), format!("{}/", root.display()))),
        })
    }

    /// The design's ports that can be used.
    pub fn ports(&self) -> &[PortInfo] {
        &self.ports
    }

    /// The top module's name.
    pub fn top(&self) -> &str {
        &self.top
    }

    /// The shared object.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The place of a port.
    pub(crate) fn find(&self, name: &str) -> Result<usize, Error> {
        if let Some(i) = self.ports.iter().position(|p| p.name == name) {
            return Ok(i);
        }
        if let Some((_, why)) = self.refused.iter().find(|(n, _)| n == name) {
            return Err(Error::UnsupportedPort { top: self.top.clone(), name: name.into(), why });
        }
        let known = self.ports.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(Error::UnknownPort { top: self.top.clone(), name: name.into(), known })
    }

    /// A text of the model with paths of the sources as they are in this copy of the project.
    pub(crate) fn here(&self, text: String) -> String {
        match &self.moved {
            Some((built, here)) if text.contains(built.as_str()) => text.replace(built.as_str(), here),
            _ => text,
        }
    }
}
