// SPDX-License-Identifier: Apache-2.0
//! The digits network: a 64-32-10 MLP on scikit-learn's handwritten digits (sw/workloads/data/digits).

use crate::npy;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use systole_model::graph::Graph;
use systole_model::onnx::{Array, Constants, Data, import};
use systole_model::{Dense, Network, Output, Quantised};

/// The network and its held-out images.
pub struct Digits {
    /// 64-32-10, one image a run.
    pub network: Network,
    /// Held-out images, 64 codes each.
    pub images: Vec<Vec<i8>>,
    /// Their digits.
    pub labels: Vec<u8>,
    /// Logits of each image by the training script's own arithmetic.
    pub logits: Vec<Vec<i8>>,
    /// A pixel is `(code - zero point) / step`, 0 to 16.
    pub step: i32,
}

/// The folder of the committed data.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits")
}

/// Loads the committed network and images.
///
/// # Errors
/// The file that is missing or does not have the expected shape.
pub fn load() -> Result<Digits> {
    load_from(&folder())
}

/// Loads from a folder.
///
/// # Errors
/// As [`load`].
pub fn load_from(folder: &Path) -> Result<Digits> {
    let path = folder.join("network.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let json: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let int = |v: &Value, key: &str| v[key].as_i64().with_context(|| format!("{}: no number '{key}'", path.display()));
    let file = |v: &Value, key: &str| {
        v[key].as_str().map(|name| folder.join(name)).with_context(|| format!("{}: no file '{key}'", path.display()))
    };
    let mut layers = Vec::new();
    for l in json["layers"].as_array().with_context(|| format!("{}: no layers", path.display()))? {
        let (k, n) = (int(l, "k")? as usize, int(l, "n")? as usize);
        let weights = npy::read_i8(&file(l, "weights")?)?;
        ensure!(weights.shape == [k, n], "{}: weights are {:?}, not [{k}, {n}]", path.display(), weights.shape);
        layers.push(Dense {
            k,
            n,
            weights: weights.data,
            bias: npy::read_i32(&file(l, "bias")?)?.data,
            output: Output::Int8(Quantised::plain(npy::read_f32(&file(l, "scales")?)?.data, int(l, "output_zero_point")? as i8)),
        });
    }
    let input = &json["input"];
    let k = int(input, "n")? as usize;
    let network = Network { name: "digits".into(), m: 1, k, zero_point: int(input, "zero_point")? as i8, layers };
    network.check()?;
    let rows = |a: npy::Array<i8>| -> Vec<Vec<i8>> { a.data.chunks(a.shape[1]).map(<[i8]>::to_vec).collect() };
    let images = npy::read_i8(&file(&json, "images")?)?;
    ensure!(images.shape.len() == 2 && images.shape[1] == k, "{}: images are {:?}", path.display(), images.shape);
    let labels = npy::read_u8(&file(&json, "labels")?)?.data;
    let logits = rows(npy::read_i8(&file(&json, "expected_logits")?)?);
    let images = rows(images);
    ensure!(
        images.len() == labels.len() && images.len() == logits.len(),
        "{}: images, labels and logits differ in number",
        path.display()
    );
    Ok(Digits { network, images, labels, logits, step: int(input, "pixel_step")? as i32 })
}

/// The convolutional network on the same images: its graph, the codes of each image, and the training script's logits.
///
/// # Errors
/// As [`load`].
pub fn load_cnn(set: &Digits) -> Result<(Graph, Vec<Vec<i8>>, Vec<Vec<i8>>)> {
    let path = folder().join("cnn.onnx");
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let graph = import(&bytes, &Constants::new()).with_context(|| path.display().to_string())?;
    let codes = |image: &Vec<i8>| graph.input.pack(&Array { shape: vec![1, 1, 8, 8], data: Data::I8(image.clone()) });
    let inputs = set.images.iter().map(codes).collect::<Result<_, _>>().with_context(|| path.display().to_string())?;
    let logits = npy::read_i8(&folder().join("cnn_logits.npy"))?;
    Ok((graph, inputs, logits.data.chunks(10).map(<[i8]>::to_vec).collect()))
}

/// The digit that logits say: the first of the largest.
pub fn answer(logits: &[i32]) -> u8 {
    let best = logits.iter().enumerate().rev().max_by_key(|(_, v)| **v);
    best.map_or(0, |(i, _)| i as u8)
}

impl Digits {
    /// An image in block characters, two pixels high a line.
    pub fn picture(&self, image: usize) -> Vec<String> {
        let shades = [' ', '░', '▒', '▓', '█'];
        let pixel = |i: usize| (i32::from(self.images[image][i]) - i32::from(self.network.zero_point)) / self.step;
        (0..8)
            .map(|y| {
                (0..8)
                    .flat_map(|x| {
                        let s = shades[(pixel(y * 8 + x).clamp(0, 16) as usize * 4).div_ceil(16)];
                        [s, s]
                    })
                    .collect()
            })
            .collect()
    }
}
