#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes random quantised networks with the outputs that ONNX Runtime computes, as ONNX backend test cases.

Called by scripts/ort_cases.sh, which runs `systole conformance` on them. Networks have one to five layers: convolutions
(strides, pads, groups, depthwise; per tensor or per channel; uint8 weights with a zero point), maximum pools, sums with any
earlier map of the shape, average pools over windows and maps, Relu, Sigmoid, Tanh; in QLinear operators or as
DequantizeLinear, float operator, QuantizeLinear; int8 or uint8.
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
        channels = int(rng.choice([1, 2, 3, 4, 8, 16, 17, 32]))
        self.shape = [1, channels, int(rng.integers(1, 13)), int(rng.integers(1, 13))]
        self.map("x", self.shape, np.float32(10 ** rng.uniform(-2.5, -0.5)))

    def codes(self, shape=()):
        low, high = (0, 256) if self.unsigned else (-128, 128)
        return np.array(self.rng.integers(low, high, size=shape), self.kind)

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def map(self, name, shape, scale):
        scale_name = self.constant(f"{name}_scale", np.float32(scale))
        self.tensors.append((name, list(shape), np.float32(scale), scale_name, self.constant(f"{name}_zero", self.codes())))

    def same(self, name, shape):
        _, _, scale, scale_name, zero = self.tensors[-1]
        self.tensors.append((name, list(shape), scale, scale_name, zero))

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def real(self, tensor):
        self.count += 1
        return self.node("DequantizeLinear", [tensor[0], tensor[3], tensor[4]], f"real{self.count}")

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
        result = self.node("Conv", inputs, f"{name}_sum", **attributes)
        if rng.random() < 0.4:
            result = self.node("Relu", [result], f"{name}_relu")
        self.node("QuantizeLinear", [result, y[3], y[4]], name)

    def pool(self, name):
        x = self.tensors[-1]
        attributes, out = self.window(3)
        self.node("MaxPool", [x[0]], name, **attributes)
        self.same(name, [1, x[1][1], *out])

    def add(self, name):
        x = self.tensors[-1]
        fits = [t for t in self.tensors if t[1] == x[1]]
        other = fits[self.rng.integers(len(fits))]
        self.map(name, x[1], (x[2] + other[2]) * self.rng.uniform(0.3, 1.5))
        y = self.tensors[-1]
        if self.style == "qlinear":
            inputs = [x[0], x[3], x[4], other[0], other[3], other[4], y[3], y[4]]
            self.node("QLinearAdd", inputs, name, domain="com.microsoft")
        else:
            self.node("Add", [self.real(x), self.real(other)], f"{name}_sum")
            self.node("QuantizeLinear", [f"{name}_sum", y[3], y[4]], name)

    def mean(self, name):
        x = self.tensors[-1]
        self.map(name, [1, x[1][1], 1, 1], x[2] * self.rng.uniform(0.2, 0.6))
        y = self.tensors[-1]
        if self.style == "qlinear":
            self.node("QLinearGlobalAveragePool", [x[0], x[3], x[4], y[3], y[4]], name, domain="com.microsoft")
        else:
            self.node("GlobalAveragePool", [self.real(x)], f"{name}_mean")
            self.node("QuantizeLinear", [f"{name}_mean", y[3], y[4]], name)

    def average(self, name):
        if self.style == "qlinear":
            return
        x = self.tensors[-1]
        attributes, out = self.window(3)
        # A ratio of scales at which no mean lies halfway between two codes.
        self.map(name, [1, x[1][1], *out], x[2] * self.rng.uniform(0.3, 0.9))
        y = self.tensors[-1]
        self.node("AveragePool", [self.real(x)], f"{name}_mean", count_include_pad=int(self.rng.integers(2)), **attributes)
        self.node("QuantizeLinear", [f"{name}_mean", y[3], y[4]], name)

    def activation(self, name):
        if self.style == "qlinear":
            return
        x = self.tensors[-1]
        self.map(name, x[1], 0.01)
        y = self.tensors[-1]
        self.node(str(self.rng.choice(["Sigmoid", "Tanh", "Relu"])), [self.real(x)], f"{name}_f")
        self.node("QuantizeLinear", [f"{name}_f", y[3], y[4]], name)

    def model(self):
        kinds = ["conv", "conv", "depthwise", "pool", "add", "mean", "average", "activation"]
        for layer in range(int(self.rng.integers(1, 6))):
            name, kind = f"t{layer}", self.rng.choice(kinds)
            if kind in ("conv", "depthwise"):
                self.conv(name, kind == "depthwise")
            else:
                getattr(self, str(kind))(name)
        if len(self.tensors) == 1:
            self.conv("t", False)
        element = TensorProto.UINT8 if self.unsigned else TensorProto.INT8
        info = lambda t: helper.make_tensor_value_info(t[0], element, t[1])
        graph = helper.make_graph(self.nodes, "random", [info(self.tensors[0])], [info(self.tensors[-1])], self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # int8 DequantizeLinear, operator, QuantizeLinear groups run in integers only with this.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    for case in range(args.count):
        network = Network(np.random.default_rng([args.seed, case]))
        model = network.model()
        x = network.codes(network.shape)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        y = session.run(None, {"x": x})[0]
        data = args.folder / f"case{case:04}_{network.style}" / "test_data_set_0"
        data.mkdir(parents=True)
        onnx.save(model, data.parent / "model.onnx")
        for name, value in (("input_0", x), ("output_0", y)):
            (data / f"{name}.pb").write_bytes(numpy_helper.from_array(value, name).SerializeToString())
    print(f"{args.count} cases by ONNX Runtime {onnxruntime.__version__} in {args.folder}")


if __name__ == "__main__":
    main()
