#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains, quantises and writes the digits network (64-32-10, int8) into sw/workloads/data/digits/.

    scripts/setup.sh --train && .venv-train/bin/python scripts/train_digits.py

450 of scikit-learn's 1,797 images are held out, stratified, by a fixed seed. They are used for the
two accuracies that are printed and written, and for nothing else: weight decay and the number of
epochs are chosen on folds of the other 1,347, and the seed is fixed beforehand.

Arithmetic of the int8 network (docs/arithmetic.md), per layer:

    acc = sum((x - x_zero_point) * w) + bias                     int32
    s   = f32(f32(x_scale * w_scale) / y_scale)                  per channel
    y   = sat8(rne(f32(f32(acc) * s)) + y_zero_point)

The hidden layer's zero point is -128, so that saturation is its ReLU.
"""

import argparse
import json
import os
import pathlib
import tempfile

# One thread: sums are then made in one order on one machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.lib import format as npy
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split

HELD_OUT = 450
SPLIT_SEED = 2026
TRAIN_SEED = 1
HIDDEN = 32
BATCH = 64
LABEL_SMOOTHING = 0.05
AVERAGING = 0.99  # of the weights over the batches; the average is what is kept
WEIGHT_DECAYS = (0.03, 0.1, 0.3)
EPOCHS = (400, 1200)
FOLDS = 4

# A pixel of 0..16 is the code 15 * pixel - 128, and stands for pixel / 16.
PIXEL_STEP = 15
X_ZERO_POINT = -128
X_SCALE = np.float32(1.0 / (16 * PIXEL_STEP))


def augment(images, rng):
    """Images `[n, 8, 8]`, each moved by up to one pixel each way; what leaves is lost, what enters is 0."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    # On each axis 72 % stay where they are, so about half of the images do not move at all.
    dy, dx = np.where(rng.random((2, len(images))) < 0.58, 1, rng.integers(0, 3, (2, len(images))))
    rows = dy[:, None, None] + np.arange(8)[None, :, None]
    cols = dx[:, None, None] + np.arange(8)[None, None, :]
    return padded[np.arange(len(images))[:, None, None], rows, cols]


def forward(params, x):
    hidden = np.maximum(x @ params[0] + params[1], 0)
    return hidden, hidden @ params[2] + params[3]


def train(pixels, labels, epochs, weight_decay, seed):
    """Weights and biases `[64, 32], [32], [32, 10], [10]` by AdamW with a cosine learning rate."""
    rng = np.random.default_rng(seed)
    shapes = [(64, HIDDEN), (HIDDEN,), (HIDDEN, 10), (10,)]
    params = [
        rng.normal(0, np.sqrt(2 / s[0]), s) if len(s) == 2 else np.zeros(s) for s in shapes
    ]
    first = [np.zeros(s) for s in shapes]
    second = [np.zeros(s) for s in shapes]
    average = [p.copy() for p in params]
    targets = np.eye(10)[labels] * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / 10
    steps = epochs * (len(labels) // BATCH)
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(labels))
        images = augment(pixels.reshape(-1, 8, 8), rng).reshape(-1, 64) / 16
        for start in range(0, len(order) - BATCH + 1, BATCH):
            pick = order[start : start + BATCH]
            x = images[pick]
            hidden, logits = forward(params, x)
            soft = np.exp(logits - logits.max(axis=1, keepdims=True))
            soft /= soft.sum(axis=1, keepdims=True)
            d_logits = (soft - targets[pick]) / BATCH
            d_hidden = (d_logits @ params[2].T) * (hidden > 0)
            grads = [x.T @ d_hidden, d_hidden.sum(0), hidden.T @ d_logits, d_logits.sum(0)]
            step += 1
            rate = 5e-3 * 0.5 * (1 + np.cos(np.pi * step / (steps + 1)))
            for i, grad in enumerate(grads):
                first[i] += 0.1 * (grad - first[i])
                second[i] += 0.001 * (grad * grad - second[i])
                move = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
                decay = weight_decay * params[i] if params[i].ndim == 2 else 0
                params[i] -= rate * (move + decay)
                average[i] += (1 - AVERAGING) * (params[i] - average[i])
    return average


def float_accuracy(params, pixels, labels):
    return float((forward(params, pixels / 16)[1].argmax(1) == labels).mean())


def choose(pixels, labels):
    """Weight decay and epochs with the best mean accuracy over folds of the training images."""
    best = None
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED)
    for epochs in EPOCHS:
        for weight_decay in WEIGHT_DECAYS:
            scores = [
                float_accuracy(
                    train(pixels[fit], labels[fit], epochs, weight_decay, TRAIN_SEED),
                    pixels[check],
                    labels[check],
                )
                for fit, check in folds.split(pixels, labels)
            ]
            mean = float(np.mean(scores))
            print(f"epochs {epochs:4}  weight decay {weight_decay:7}  validation {mean:.4f}", flush=True)
            if best is None or mean > best[0]:
                best = (mean, epochs, weight_decay)
    return best


def quantise_input(pixels):
    return (pixels * PIXEL_STEP + X_ZERO_POINT).astype(np.int8)


def quantise_layer(weights, bias, x_scale, x_zero_point, y_scale, y_zero_point):
    """One dense layer in integers; the bias is the raw one, the input's zero point not folded in."""
    w_scale = (np.abs(weights).max(axis=0) / 127).astype(np.float32)
    product = x_scale * w_scale  # float32
    return {
        "w": np.clip(np.rint(weights / w_scale), -127, 127).astype(np.int8),
        "bias": np.rint(bias / product.astype(np.float64)).astype(np.int32),
        "w_scale": w_scale,
        "scale": (product / y_scale).astype(np.float32),
        "x_scale": x_scale,
        "x_zero_point": x_zero_point,
        "y_scale": y_scale,
        "y_zero_point": y_zero_point,
    }


def run_layer(layer, x):
    """int8 codes in, int8 codes out, as the machine computes them."""
    acc = (x.astype(np.int64) - layer["x_zero_point"]) @ layer["w"].astype(np.int64) + layer["bias"]
    assert np.abs(acc).max() < 2**31
    scaled = acc.astype(np.int32).astype(np.float32) * layer["scale"]
    assert scaled.dtype == np.float32
    return np.clip(np.rint(scaled).astype(np.int64) + layer["y_zero_point"], -128, 127).astype(np.int8)


def quantise(params, pixels):
    """Both layers; ranges of hidden values and logits are taken from the training images."""
    hidden, logits = forward(params, pixels / 16)
    hidden_scale = np.float32(hidden.max() / 255)
    low, high = logits.min(), logits.max()
    logit_scale = np.float32((high - low) / 255)
    logit_zero_point = int(np.clip(np.rint(-128 - low / logit_scale), -128, 127))
    return [
        quantise_layer(params[0], params[1], X_SCALE, X_ZERO_POINT, hidden_scale, -128),
        quantise_layer(params[2], params[3], hidden_scale, -128, logit_scale, logit_zero_point),
    ]


def run(layers, codes):
    for layer in layers:
        codes = run_layer(layer, codes)
    return codes


def write(path, data):
    """Writes under a temporary name and renames, so that no file is ever half there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        if isinstance(data, str):
            file.write(data.encode())
        else:
            data = np.ascontiguousarray(data)
            npy.write_array(file, data.astype(data.dtype.newbyteorder("<")), version=(1, 0))
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def save(out, layers, codes, labels, report):
    out.mkdir(parents=True, exist_ok=True)
    description = {
        "format": "systole-network-1",
        "name": "digits",
        "input": {
            "n": 64,
            "scale": float(X_SCALE),
            "zero_point": X_ZERO_POINT,
            "pixel_step": PIXEL_STEP,
            "width": 8,
            "height": 8,
        },
        "layers": [],
        "images": "images.npy",
        "labels": "labels.npy",
        "expected_logits": "expected_logits.npy",
        "report": report,
    }
    for i, layer in enumerate(layers, 1):
        files = {
            "weights": (f"fc{i}_weights.npy", layer["w"]),
            "bias": (f"fc{i}_bias.npy", layer["bias"]),
            "weight_scales": (f"fc{i}_weight_scales.npy", layer["w_scale"]),
            "scales": (f"fc{i}_scales.npy", layer["scale"]),
        }
        for name, array in files.values():
            write(out / name, array)
        k, n = layer["w"].shape
        description["layers"].append(
            {
                "name": f"fc{i}",
                "k": k,
                "n": n,
                "input_scale": float(layer["x_scale"]),
                "input_zero_point": layer["x_zero_point"],
                **{key: name for key, (name, _) in files.items()},
                "output_scale": float(layer["y_scale"]),
                "output_zero_point": layer["y_zero_point"],
            }
        )
    write(out / "images.npy", codes)
    write(out / "labels.npy", labels.astype(np.uint8))
    write(out / "expected_logits.npy", run(layers, codes))
    write(out / "network.json", json.dumps(description, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Trains and quantises the digits network.")
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=pathlib.Path, default=root / "sw/workloads/data/digits")
    args = parser.parse_args()

    digits = load_digits()
    pixels, held_pixels, labels, held_labels = train_test_split(
        digits.data, digits.target, test_size=HELD_OUT, stratify=digits.target, random_state=SPLIT_SEED
    )
    validation, epochs, weight_decay = choose(pixels, labels)
    params = train(pixels, labels, epochs, weight_decay, TRAIN_SEED)
    layers = quantise(params, pixels)
    codes = quantise_input(held_pixels)
    predicted = run(layers, codes).argmax(1)  # the lowest index on a tie
    report = {
        "held_out": HELD_OUT,
        "accuracy_float": round(float_accuracy(params, held_pixels, held_labels), 4),
        "accuracy_int8": round(float((predicted == held_labels).mean()), 4),
        "accuracy_validation": round(validation, 4),
        "epochs": epochs,
        "weight_decay": weight_decay,
        "train_seed": TRAIN_SEED,
        "split_seed": SPLIT_SEED,
    }
    save(args.out, layers, codes, held_labels, report)
    print(json.dumps(report, indent=2))
    if report["accuracy_int8"] < 0.97:
        raise SystemExit("accuracy on the held-out images is below 97 %")


if __name__ == "__main__":
    main()
