#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains and quantises a small convolutional network on the digits, and writes it as ONNX.

    scripts/setup.sh --train && .venv-train/bin/python scripts/train_digits_cnn.py

    image 8x8x1 -> 3x3 conv, 8, relu -> 3x3 conv, stride 2, 16, relu -> 3x3 conv, 16, + its input, relu
          -> 2x2 average pool -> flatten -> 64 x 10

Images, split and input codes are those of train_digits.py. It writes cnn.onnx and cnn_logits.npy, what the
arithmetic below gives for the held-out images, into sw/workloads/data/digits/. Seed, epochs and weight decay were
fixed beforehand.
"""

import argparse
import pathlib

import numpy as np
import onnx
import train_digits as digits
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 3
EPOCHS = 240
WEIGHT_DECAY = 0.05
BATCH = 64
# Output channels, stride, pads (above, left, below, right) of each 3x3 convolution.
CONVS = [(8, 1, (1, 1, 1, 1)), (16, 2, (0, 0, 1, 1)), (16, 1, (1, 1, 1, 1))]


def patches(x, stride, pads, value=0):
    """Windows of `x [n, h, w, c]` as `[n, oh, ow, 9 c]`, taps outermost."""
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)
    rows = (padded.shape[1] - 3) // stride + 1
    cols = (padded.shape[2] - 3) // stride + 1
    taps = [
        padded[:, ky : ky + (rows - 1) * stride + 1 : stride, kx : kx + (cols - 1) * stride + 1 : stride]
        for ky in range(3)
        for kx in range(3)
    ]
    return np.concatenate(taps, axis=3)


def scatter(d_patches, shape, stride, pads):
    """The gradient of what `patches` read."""
    top, left, bottom, right = pads
    n, h, w, c = shape
    out = np.zeros((n, h + top + bottom, w + left + right, c))
    rows, cols = d_patches.shape[1:3]
    for tap in range(9):
        ky, kx = divmod(tap, 3)
        out[:, ky : ky + (rows - 1) * stride + 1 : stride, kx : kx + (cols - 1) * stride + 1 : stride] += d_patches[
            ..., tap * c : (tap + 1) * c
        ]
    return out[:, top : top + h, left : left + w]


def forward(params, x):
    """`x [n, 8, 8, 1]`; every value that the backward pass or the quantiser needs."""
    columns, maps = [], [x]
    for i, (_, stride, pads) in enumerate(CONVS):
        columns.append(patches(maps[-1], stride, pads))
        sums = columns[-1] @ params[2 * i] + params[2 * i + 1]
        if i == 2:
            third = sums
            sums = sums + maps[-1]
        maps.append(np.maximum(sums, 0))
    pooled = maps[3].reshape(len(x), 2, 2, 2, 2, -1).mean(axis=(2, 4))
    flat = pooled.reshape(len(x), -1)
    return {"columns": columns, "maps": maps, "third": third, "pooled": pooled, "logits": flat @ params[6] + params[7]}


def backward(params, f, d_logits):
    n = len(d_logits)
    flat = f["pooled"].reshape(n, -1)
    grads = [None] * 6 + [flat.T @ d_logits, d_logits.sum(0)]
    d = (d_logits @ params[6].T).reshape(n, 2, 1, 2, 1, -1) / 4
    d = np.broadcast_to(d, (n, 2, 2, 2, 2, d.shape[-1])).reshape(f["maps"][3].shape)
    skip = 0
    for i in (2, 1, 0):
        d = (d + skip if i == 1 else d) * (f["maps"][i + 1] > 0)
        if i == 2:
            skip = d
        columns = f["columns"][i]
        width = columns.shape[-1]
        grads[2 * i] = columns.reshape(-1, width).T @ d.reshape(-1, d.shape[-1])
        grads[2 * i + 1] = d.sum((0, 1, 2))
        if i > 0:
            d = scatter(d @ params[2 * i].T, f["maps"][i].shape, *CONVS[i][1:])
    return grads


def train(images, labels):
    rng = np.random.default_rng(SEED)
    shapes, channels = [], 1
    for out, _, _ in CONVS:
        shapes += [(9 * channels, out), (out,)]
        channels = out
    shapes += [(4 * channels, 10), (10,)]
    params = [rng.normal(0, np.sqrt(2 / s[0]), s) if len(s) == 2 else np.zeros(s) for s in shapes]
    first, second = [np.zeros(s) for s in shapes], [np.zeros(s) for s in shapes]
    average = [p.copy() for p in params]
    targets = np.eye(10)[labels] * 0.95 + 0.005
    steps, step = EPOCHS * (len(labels) // BATCH), 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(labels))
        moved = digits.augment(images, rng)[..., None] / 16
        for start in range(0, len(order) - BATCH + 1, BATCH):
            pick = order[start : start + BATCH]
            f = forward(params, moved[pick])
            soft = np.exp(f["logits"] - f["logits"].max(axis=1, keepdims=True))
            soft /= soft.sum(axis=1, keepdims=True)
            grads = backward(params, f, (soft - targets[pick]) / BATCH)
            step += 1
            rate = 4e-3 * 0.5 * (1 + np.cos(np.pi * step / (steps + 1)))
            for i, grad in enumerate(grads):
                first[i] += 0.1 * (grad - first[i])
                second[i] += 0.001 * (grad * grad - second[i])
                move = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
                params[i] -= rate * (move + (WEIGHT_DECAY * params[i] if params[i].ndim == 2 else 0))
                average[i] += (1 - digits.AVERAGING) * (params[i] - average[i])
    return average


def codes_of(values):
    """Scale and zero point of a tensor: what never goes below 0 begins at code -128."""
    low, high = min(values.min(), 0.0), values.max()
    scale = np.float32((high - low) / 255)
    return scale, int(np.clip(np.rint(-128 - low / scale), -128, 127))


def short(scale):
    """The scale to 12 bits. Codes, and sums of four of them, times such a scale are exact in float32: then a mean has one
    value, whatever the order of its additions."""
    fraction, exponent = np.frexp(scale)
    return np.float32(np.ldexp(np.rint(fraction * 4096) / 4096, exponent))


def quantise(params, images):
    """Integer layers, ranges from the training images."""
    f = forward(params, images[..., None] / 16)
    maps = [(digits.X_SCALE, digits.X_ZERO_POINT)] + [codes_of(m) for m in f["maps"][1:3]]
    third, summed, logits = codes_of(f["third"]), codes_of(f["maps"][3]), codes_of(f["logits"])
    summed = short(summed[0]), summed[1]
    results = [maps[1], maps[2], third]
    # Flatten in ONNX counts channels first; here they come last.
    last = params[6].reshape(2, 2, -1, 10).transpose(2, 0, 1, 3).reshape(-1, 10)
    layers = [
        digits.quantise_layer(params[2 * i], params[2 * i + 1], *maps[i], *results[i]) for i in range(3)
    ]
    return {"convs": layers, "third": third, "sum": summed, "fc": digits.quantise_layer(last, params[7], *summed, *logits)}


def saturate(v):
    return np.clip(v, -128, 127).astype(np.int8)


def run(q, codes):
    """Logits `[n, 10]` from codes `[n, 8, 8, 1]`, as ONNX Runtime and the machine compute them (docs/arithmetic.md)."""
    x = codes
    for layer, (_, stride, pads) in zip(q["convs"], CONVS):
        before = x
        x = digits.run_layer(layer, patches(x, stride, pads, value=layer["x_zero_point"]))
    (a_scale, a_zero), (b_scale, b_zero) = q["third"], (q["convs"][1]["y_scale"], q["convs"][1]["y_zero_point"])
    scale, zero = q["sum"]
    # DequantizeLinear, Add, QuantizeLinear are one operator for ONNX Runtime, with two fused multiply-adds in float32; the Relu
    # between vanishes, for zero is the lowest code.
    ra, rb = np.float32(a_scale / scale), np.float32(b_scale / scale)
    fused = lambda r, v, more: (np.float64(r) * np.float64(v) + np.float64(more)).astype(np.float32)
    fixed = np.float32(zero) - fused(ra, np.float32(a_zero), rb * np.float32(b_zero))
    x = saturate(np.rint(fused(ra, x, fused(rb, before, fixed))))
    sums = (x.astype(np.int64) - zero).reshape(len(x), 2, 2, 2, 2, -1).sum(axis=(2, 4))
    pooled = saturate(np.rint(sums / 4 + zero).astype(np.int64))
    return digits.run_layer(q["fc"], pooled.transpose(0, 3, 1, 2).reshape(len(x), -1))


def to_onnx(q):
    nodes, constants = [], []

    def constant(name, array):
        # (ascontiguousarray makes a vector of a scalar, which no scale of an activation may be.)
        array = np.asarray(array)
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name))
        return name

    def pair(name, scale, zero_point):
        return [constant(f"{name}_scale", np.float32(scale)), constant(f"{name}_zero_point", np.int8(zero_point))]

    quant = {"x": pair("x", digits.X_SCALE, digits.X_ZERO_POINT)}
    value, channels = "x", 1
    for i, (layer, (out, stride, pads)) in enumerate(zip(q["convs"], CONVS), 1):
        name = f"conv{i}"
        quant[name] = pair(name, layer["y_scale"], layer["y_zero_point"])
        weights = layer["w"].reshape(3, 3, channels, out).transpose(3, 2, 0, 1)
        inputs = [value, *quant[value], constant(f"{name}_w", weights), constant(f"{name}_w_scale", layer["w_scale"])]
        inputs += [constant(f"{name}_w_zero_point", np.zeros(out, np.int8)), *quant[name], constant(f"{name}_bias", layer["bias"])]
        nodes.append(
            helper.make_node("QLinearConv", inputs, [name], name, kernel_shape=[3, 3], strides=[stride, stride], pads=list(pads))
        )
        value, channels = name, out
    quant["sum"] = pair("sum", *q["sum"])
    quant["pool"] = pair("pool", *q["sum"])
    fc = q["fc"]
    quant["y"] = pair("y", fc["y_scale"], fc["y_zero_point"])
    bias_scale = fc["x_scale"] * fc["w_scale"]
    weights = [constant("fc_w", fc["w"]), constant("fc_w_scale", fc["w_scale"]), constant("fc_w_zero_point", np.zeros(10, np.int8))]
    bias = [constant("fc_bias", fc["bias"]), constant("fc_bias_scale", bias_scale), constant("fc_bias_zero_point", np.zeros(10, np.int32))]
    for op, inputs, output, more in [
        ("DequantizeLinear", ["conv3", *quant["conv3"]], "conv3_real", {}),
        ("DequantizeLinear", ["conv2", *quant["conv2"]], "conv2_real", {}),
        ("Add", ["conv3_real", "conv2_real"], "sum_real", {}),
        ("Relu", ["sum_real"], "relu_real", {}),
        ("QuantizeLinear", ["relu_real", *quant["sum"]], "sum", {}),
        ("DequantizeLinear", ["sum", *quant["sum"]], "sum_codes_real", {}),
        ("AveragePool", ["sum_codes_real"], "pool_real", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("QuantizeLinear", ["pool_real", *quant["pool"]], "pool", {}),
        ("Flatten", ["pool"], "flat", {}),
        ("DequantizeLinear", ["flat", *quant["pool"]], "flat_real", {}),
        ("DequantizeLinear", weights, "fc_w_real", {"axis": 1}),
        ("DequantizeLinear", bias, "fc_bias_real", {"axis": 0}),
        ("Gemm", ["flat_real", "fc_w_real", "fc_bias_real"], "y_real", {}),
        ("QuantizeLinear", ["y_real", *quant["y"]], "y", {}),
    ]:
        nodes.append(helper.make_node(op, inputs, [output], f"{output}/{op}", **more))
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "digits_cnn",
        [tensor("x", TensorProto.INT8, [1, 1, 8, 8])],
        [tensor("y", TensorProto.INT8, [1, 10])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="")
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    parser = argparse.ArgumentParser(description="Trains and quantises a small CNN on the digits.")
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=pathlib.Path, default=root / "sw/workloads/data/digits")
    args = parser.parse_args()
    data = load_digits()
    pixels, held, labels, held_labels = train_test_split(
        data.data, data.target, test_size=digits.HELD_OUT, stratify=data.target, random_state=digits.SPLIT_SEED
    )
    images = pixels.reshape(-1, 8, 8)
    params = train(images, labels)
    q = quantise(params, images)
    codes = digits.quantise_input(held).reshape(-1, 8, 8, 1)
    logits = run(q, codes)
    accuracy = float((logits.argmax(1) == held_labels).mean())
    real = float((forward(params, held.reshape(-1, 8, 8, 1) / 16)["logits"].argmax(1) == held_labels).mean())
    print(f"held out: float {real:.4f}, int8 {accuracy:.4f}")
    digits.write(args.out / "cnn_logits.npy", logits)
    with open(args.out / "cnn.onnx.new", "wb") as file:
        file.write(to_onnx(q))
    (args.out / "cnn.onnx.new").replace(args.out / "cnn.onnx")
    if accuracy < 0.97:
        raise SystemExit("accuracy on the held-out images is below 97 %")


if __name__ == "__main__":
    main()
