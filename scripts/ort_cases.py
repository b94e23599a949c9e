#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes random quantised networks with the outputs that ONNX Runtime computes, as ONNX backend test cases.

Called by scripts/ort_cases.sh, which runs `systole conformance` on them. Networks have one to five layers, in QLinear
operators or as DequantizeLinear, float operator, QuantizeLinear; int8 or uint8, and in places both:

- convolutions (strides, pads, groups, depthwise; per tensor or per channel; uint8 weights with a zero point) and
  matrix products, with biases of every shape that broadcasts;
- residual sums of scales at random, equal, or in ratios of powers of two, and sums and products with constants: scalars, by
  channel, whole tensors;
- average pools of every window, with the scale of their input or another one; means over a map; maximum pools;
- Relu and Clip behind them, with zero points where they vanish and others; Sigmoid, Tanh, LeakyRelu.
"""
import argparse
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


class Network:
    """A network made layer by layer; `tensors` are quantised maps: name, shape, scale, names of scale and zero point."""

    def __init__(self, rng):
        self.rng = rng
        self.style = str(rng.choice(["qlinear", "qdq"]))
        self.unsigned = rng.random() < 0.4
        self.kind = np.uint8 if self.unsigned else np.int8
        self.nodes, self.constants, self.tensors = [], [], []
        self.count = 0
        self.matrix = rng.random() < 0.2
        if self.matrix:
            self.shape = [int(rng.choice([1, 2, 4, 9, 17])), int(rng.choice([1, 3, 4, 16, 17, 40]))]
            self.map("x", self.shape, np.float32(10 ** rng.uniform(-2.5, -0.5)))
            return
        channels = int(rng.choice([1, 2, 3, 4, 8, 16, 17, 32]))
        self.shape = [1, channels, int(rng.integers(1, 13)), int(rng.integers(1, 13))]
        self.map("x", self.shape, np.float32(10 ** rng.uniform(-2.5, -0.5)))

    def codes(self, shape=(), kind=None):
        kind = kind or self.kind
        low, high = (0, 256) if kind is np.uint8 else (-128, 128)
        return np.array(self.rng.integers(low, high, size=shape), kind)

    def zero(self):
        """Zero points: anywhere, or where a Relu before them vanishes."""
        lowest = self.kind(0 if self.unsigned else -128)
        return np.array(lowest) if self.rng.random() < 0.3 else self.codes()

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def map(self, name, shape, scale):
        scale_name = self.constant(f"{name}_scale", np.float32(scale))
        self.tensors.append((name, list(shape), np.float32(scale), scale_name, self.constant(f"{name}_zero", self.zero())))

    def same(self, name, shape):
        _, _, scale, scale_name, zero = self.tensors[-1]
        self.tensors.append((name, list(shape), scale, scale_name, zero))

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def real(self, tensor):
        self.count += 1
        return self.node("DequantizeLinear", [tensor[0], tensor[3], tensor[4]], f"real{self.count}")

    def quantize(self, name, result, y, clip=0.25):
        """QuantizeLinear, behind a Relu or Clip at times."""
        if self.rng.random() < clip:
            if self.rng.random() < 0.6:
                result = self.node("Relu", [result], f"{name}_relu")
            else:
                reach = float(y[2]) * self.rng.choice([40, 300])
                ends = [self.constant(f"{name}_lo", np.float32(0)), self.constant(f"{name}_hi", np.float32(reach))]
                result = self.node("Clip", [result, *ends], f"{name}_clip")
        self.node("QuantizeLinear", [result, y[3], y[4]], name)

    def window(self, most):
        height, width = self.tensors[-1][1][2:]
        kernel = [int(self.rng.integers(1, min(most, size) + 1)) for size in (height, width)]
        strides = [int(v) for v in self.rng.integers(1, 3, 2)]
        pads = [int(self.rng.integers(0, k)) for k in kernel * 2]
        out = [(size + pads[d] + pads[d + 2] - kernel[d]) // strides[d] + 1 for d, size in enumerate((height, width))]
        return dict(kernel_shape=kernel, strides=strides, pads=pads), out

    def conv(self, name, depthwise):
        rng, x = self.rng, self.tensors[-1]
        attributes, out = self.window(4)
        channels = x[1][1]
        groups = channels if depthwise else 1
        outputs = channels * int(rng.choice([1, 1, 1, 2])) if depthwise else int(rng.choice([1, 3, 8, 10, 16, 20, 32]))
        unsigned = self.unsigned and self.style == "qlinear" and rng.random() < 0.3
        low, high, kind = (0, 256, np.uint8) if unsigned else (-128, 128, np.int8)
        weights = rng.integers(low, high, size=(outputs, channels // groups, *attributes["kernel_shape"])).astype(kind)
        by_channel = not unsigned and rng.random() < 0.5
        scales = (10 ** rng.uniform(-3, -2, outputs)).astype(np.float32) if by_channel else np.float32(10 ** rng.uniform(-3, -2))
        zero = np.zeros(outputs if by_channel else (), kind) if not unsigned else np.array(rng.integers(0, 256), kind)
        spread = float(x[2]) * float(np.mean(scales)) * 74 * 74 * np.sqrt(weights[0].size)
        self.map(name, [1, outputs, *out], spread / 60 * rng.uniform(0.5, 2))
        y = self.tensors[-1]
        w = [self.constant(f"{name}_{part}", v) for part, v in (("w", weights), ("ws", scales), ("wz", zero))]
        bias = rng.integers(-3000, 3000, size=outputs).astype(np.int32) if rng.random() < 0.7 else None
        attributes["group"] = groups
        if self.style == "qlinear":
            inputs = [x[0], x[3], x[4], *w, y[3], y[4]]
            if bias is not None:
                inputs.append(self.constant(f"{name}_b", bias))
            self.node("QLinearConv", inputs, name, **attributes)
            return
        axis = dict(axis=0) if by_channel else {}
        inputs = [self.real(x), self.node("DequantizeLinear", w, f"{name}_wr", **axis)]
        if bias is not None:
            both = (x[2] * scales).astype(np.float32)
            parts = (("b", bias), ("bs", both), ("bz", np.zeros(both.shape, np.int32)))
            b = [self.constant(f"{name}_{part}", v) for part, v in parts]
            inputs.append(self.node("DequantizeLinear", b, f"{name}_br", **axis))
        self.quantize(name, self.node("Conv", inputs, f"{name}_sum", **attributes), y, 0.4)

    def product(self, name):
        """A matrix product with a bias of some shape that broadcasts."""
        rng, x = self.rng, self.tensors[-1]
        rows, columns = x[1]
        outputs = int(rng.choice([1, 4, rows, 10, 33]))
        element = self.kind if self.style == "qlinear" else np.int8
        weights = self.codes((columns, outputs), element)
        zero = self.codes((), element) if element is np.uint8 else np.int8(0)
        scale = np.float32(10 ** rng.uniform(-3, -2))
        self.map(name, [rows, outputs], float(x[2]) * float(scale) * 74 * 74 * np.sqrt(columns) / 60 * rng.uniform(0.5, 2))
        y = self.tensors[-1]
        w = [self.constant(f"{name}_{part}", v) for part, v in (("w", weights), ("ws", scale), ("wz", zero))]
        if self.style == "qlinear":
            self.node("QLinearMatMul", [x[0], x[3], x[4], *w, y[3], y[4]], name)
            return
        shapes = [[outputs], [1, outputs], [rows, 1], [rows, outputs], [1], [1, 1]]
        shape = shapes[int(rng.choice(len(shapes), p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1]))]
        bias = rng.integers(-3000, 3000, size=shape).astype(np.int32)
        parts = (("b", bias), ("bs", np.float32(x[2] * scale)), ("bz", np.int32(0)))
        b = self.node("DequantizeLinear", [self.constant(f"{name}_{part}", v) for part, v in parts], f"{name}_br")
        inputs = [self.real(x), self.node("DequantizeLinear", w, f"{name}_wr")]
        how = rng.choice(["Gemm", "MatMul", "plain"])
        if how == "Gemm":
            result = self.node("Gemm", [*inputs, b], f"{name}_sum")
        else:
            result = self.node("MatMul", inputs, f"{name}_sum")
            if how == "MatMul":
                result = self.node("Add", [result, b] if rng.random() < 0.7 else [b, result], f"{name}_biased")
        self.quantize(name, result, y, 0.3)

    def pool(self, name):
        x = self.tensors[-1]
        attributes, out = self.window(3)
        self.node("MaxPool", [x[0]], name, **attributes)
        self.same(name, [1, x[1][1], *out])

    def sum_scale(self, a, b):
        """The scale of a sum: at random, that of an operand, or twice or half of it."""
        if self.rng.random() < 0.5:
            return (a + b) * self.rng.uniform(0.3, 1.5)
        return a * self.rng.choice([0.5, 1, 2])

    def add(self, name):
        x = self.tensors[-1]
        fits = [t for t in self.tensors if t[1] == x[1]]
        other = fits[self.rng.integers(len(fits))]
        self.map(name, x[1], self.sum_scale(x[2], other[2]))
        y = self.tensors[-1]
        a, b = (x, other) if self.rng.random() < 0.5 else (other, x)
        if self.style == "qlinear":
            inputs = [a[0], a[3], a[4], b[0], b[3], b[4], y[3], y[4]]
            self.node("QLinearAdd", inputs, name, domain="com.microsoft")
        else:
            self.quantize(name, self.node("Add", [self.real(a), self.real(b)], f"{name}_sum"), y)

    def constant_operand(self, name):
        """A sum or product with a constant: a scalar, a number for each channel, or a tensor."""
        rng, x = self.rng, self.tensors[-1]
        kind = rng.choice(["Add", "Mul"] if self.style == "qlinear" else ["Add", "Mul", "Sub"])
        shapes = [[], [1] * len(x[1]), x[1], [1, x[1][1], *[1] * (len(x[1]) - 2)]]
        shape = shapes[int(rng.choice(4, p=[0.4, 0.2, 0.3, 0.1]))]
        scale = float(rng.choice([float(x[2]), 10 ** rng.uniform(-2.5, -0.5), 0.01]))
        reach = self.sum_scale(float(x[2]), scale) if kind != "Mul" else float(x[2]) * scale * 100 * rng.uniform(0.3, 1.2)
        self.map(name, x[1], reach)
        y = self.tensors[-1]
        element = self.kind if self.style == "qlinear" or rng.random() < 0.8 else (np.int8 if self.unsigned else np.uint8)
        parts = (("c", self.codes(shape, element)), ("cs", np.float32(scale)), ("cz", self.codes((), element)))
        parts = [self.constant(f"{name}_{part}", v) for part, v in parts]
        if self.style == "qlinear":
            operands = [x[0], x[3], x[4]], parts
            a, b = operands if rng.random() < 0.7 else operands[::-1]
            self.node(f"QLinear{kind}", [*a, *b, y[3], y[4]], name, domain="com.microsoft")
            return
        constant = self.node("DequantizeLinear", parts, f"{name}_cr")
        inputs = [self.real(x), constant]
        self.quantize(name, self.node(str(kind), inputs if rng.random() < 0.7 else inputs[::-1], f"{name}_of"), y)

    def mean_scale(self, x):
        """A pool often keeps the scale and zero point of its input."""
        return float(x[2]) * (1 if self.rng.random() < 0.5 else self.rng.uniform(0.2, 0.9))

    def mean(self, name):
        x = self.tensors[-1]
        self.map(name, [1, x[1][1], 1, 1], self.mean_scale(x))
        y = self.tensors[-1]
        if self.style == "qlinear":
            self.node("QLinearGlobalAveragePool", [x[0], x[3], x[4], y[3], y[4]], name, domain="com.microsoft")
        else:
            self.quantize(name, self.node("GlobalAveragePool", [self.real(x)], f"{name}_mean"), y)

    def average(self, name):
        x = self.tensors[-1]
        attributes, out = self.window(5)
        attributes["count_include_pad"] = int(self.rng.integers(2))
        self.map(name, [1, x[1][1], *out], self.mean_scale(x))
        y = self.tensors[-1]
        if self.style == "qlinear":
            inputs = [x[0], x[3], x[4], y[3], y[4]]
            self.node("QLinearAveragePool", inputs, name, domain="com.microsoft", **attributes)
        else:
            self.quantize(name, self.node("AveragePool", [self.real(x)], f"{name}_mean", **attributes), y)

    def activation(self, name):
        if self.style == "qlinear":
            return
        x = self.tensors[-1]
        self.map(name, x[1], self.rng.choice([0.01, 1 / 256, float(x[2])]))
        y = self.tensors[-1]
        kind = str(self.rng.choice(["Sigmoid", "Tanh", "Relu", "LeakyRelu"]))
        self.quantize(name, self.node(kind, [self.real(x)], f"{name}_f"), y, 0.1)

    def model(self):
        kinds = ["conv", "conv", "depthwise", "pool", "add", "add", "constant_operand", "mean", "average", "activation"]
        if self.matrix:
            kinds = ["product", "product", "add", "constant_operand", "activation"]
        for layer in range(int(self.rng.integers(1, 6))):
            name, kind = f"t{layer}", self.rng.choice(kinds)
            if kind in ("conv", "depthwise"):
                self.conv(name, kind == "depthwise")
            else:
                getattr(self, str(kind))(name)
        if len(self.tensors) == 1:
            self.product("t") if self.matrix else self.conv("t", False)
        element = TensorProto.UINT8 if self.unsigned else TensorProto.INT8
        info = lambda t: helper.make_tensor_value_info(t[0], element, t[1])
        graph = helper.make_graph(self.nodes, "random", [info(self.tensors[0])], [info(self.tensors[-1])], self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def options(unsigned):
    chosen = onnxruntime.SessionOptions()
    chosen.log_severity_level = 4
    # int8 DequantizeLinear, operator, QuantizeLinear groups run in integers only with this.
    chosen.add_session_config_entry("session.qdqisint8allowed", "1")
    if unsigned:
        # Products of uint8 and int8 saturate in 16 bits on processors without VNNI but for this; with int8 activations it
        # finds no kernel, and they do not saturate.
        chosen.add_session_config_entry("session.x64quantprecision", "1")
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    for case in range(args.count):
        network = Network(np.random.default_rng([args.seed, case]))
        model = network.model()
        x = network.codes(network.shape)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options(network.unsigned), providers=["CPUExecutionProvider"])
        y = session.run(None, {"x": x})[0]
        data = args.folder / f"case{case:04}_{network.style}" / "test_data_set_0"
        data.mkdir(parents=True)
        onnx.save(model, data.parent / "model.onnx")
        for name, value in (("input_0", x), ("output_0", y)):
            (data / f"{name}.pb").write_bytes(numpy_helper.from_array(value, name).SerializeToString())
    print(f"{args.count} cases by ONNX Runtime {onnxruntime.__version__} in {args.folder}")


if __name__ == "__main__":
    main()
