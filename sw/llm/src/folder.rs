// SPDX-License-Identifier: Apache-2.0
//! A model by its path, and the tokenizer beside it.

use crate::huggingface::read_folder;
use crate::tokenizer::{HuggingFace, Llama2c, Tokenizer};
use crate::{LlmError, Model, read_llama2c};
use std::path::{Path, PathBuf};

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LlmError> {
    std::fs::read(path).map_err(|why| LlmError::Read { path: path.into(), why })
}

/// What a path leads to.
enum Place {
    /// llama2.c's file, in its folder.
    File { model: PathBuf, folder: PathBuf },
    /// A folder of Hugging Face's.
    Folder,
}

impl Place {
    fn of(path: &Path) -> Result<Place, LlmError> {
        if !path.is_dir() {
            // The folder of a plain name is here.
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new(".")).into();
            return Ok(Place::File { model: path.into(), folder });
        }
        if path.join("config.json").exists() {
            return Ok(Place::Folder);
        }
        let what = "model (config.json, or a .bin file of llama2.c)";
        let model = one(path, what, |name| name.ends_with(".bin") && !name.starts_with("tok"))?;
        Ok(Place::File { model, folder: path.into() })
    }
}

/// The one file of a folder whose name fits.
fn one(folder: &Path, what: &'static str, fits: impl Fn(&str) -> bool) -> Result<PathBuf, LlmError> {
    let at = |why| LlmError::Read { path: folder.into(), why };
    let mut names = vec![];
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let name = entry.map_err(at)?.file_name();
        names.extend(name.to_str().filter(|n| fits(n)).map(String::from));
    }
    names.sort();
    match names.as_slice() {
        [] => Err(LlmError::NotThere { path: folder.into(), what }),
        [name] => Ok(folder.join(name)),
        _ => Err(LlmError::Several { path: folder.into(), what, names }),
    }
}

fn load(path: &Path, place: &Place) -> Result<Model, LlmError> {
    match place {
        Place::File { model, .. } => read_llama2c(&read(model)?).map_err(LlmError::of(model)),
        Place::Folder => read_folder(path),
    }
}

/// The model at `path`: a `.bin` file of llama2.c, a folder with one, or a folder of Hugging Face's.
///
/// # Errors
/// [`LlmError`], with the file's name in front.
pub fn open_model(path: &Path) -> Result<Model, LlmError> {
    load(path, &Place::of(path)?)
}

/// The model at `path` as [`open_model`] and its tokenizer: the one given, or beside a `.bin` file `tokenizer.bin` or the only
/// `tok*.bin`, in a folder of Hugging Face's `tokenizer.json`.
///
/// # Errors
/// [`LlmError`], with the file's name in front; a tokenizer whose vocabulary is not the model's.
pub fn open(path: &Path, tokenizer: Option<&Path>) -> Result<(Model, Tokenizer), LlmError> {
    let place = Place::of(path)?;
    let model = load(path, &place)?;
    let vocab = model.sizes.vocab;
    let file = match (tokenizer, &place) {
        (Some(file), _) => file.to_path_buf(),
        (None, Place::Folder) => path.join("tokenizer.json"),
        (None, Place::File { folder, .. }) => {
            let usual = folder.join("tokenizer.bin");
            if usual.exists() {
                usual
            } else {
                one(folder, "tokenizer (tokenizer.bin or tok*.bin)", |name| name.ends_with(".bin") && name.starts_with("tok"))?
            }
        }
    };
    let bytes = read(&file)?;
    let tokenizer = if file.extension().is_some_and(|e| e == "json") {
        HuggingFace::new(&bytes, vocab).map(Tokenizer::from)
    } else {
        Llama2c::new(&bytes, vocab).map(Tokenizer::from)
    };
    Ok((model, tokenizer.map_err(LlmError::of(&file))?))
}
