# SPDX-License-Identifier: Apache-2.0
"""Networks of transposed convolutions and of products of maps for scripts/ort_rules.py, of scales that a seed draws."""
import numpy as np
from onnx import helper


class Maps:
    """Graphs of one type, each with random numbers of its own."""

    def __init__(self, graph, seed, unsigned, first=500_000):
        self.graph, self.seed, self.unsigned, self.first, self.count = graph, seed, unsigned, first, 0
        self.name = f"{'uint8' if unsigned else 'int8'}_{seed}"

    def new(self, shape):
        self.count += 1
        return self.graph(shape, self.unsigned, self.first + 1000 * self.seed + self.count)

    def draw(self, g):
        low = 0 if self.unsigned else -128
        return float(np.float32(np.exp(g.rng.uniform(-5, -2)))), int(g.rng.integers(low + 60, low + 200))

    def through(self, g, tensor, scale=None):
        """Quantised and dequantised again."""
        s, z = self.draw(g)
        s = scale or s
        return g.real(g.node("QuantizeLinear", [tensor, *g.codes(s, z)]), s, z)

    def weights(self, g, shape, scales, axis):
        values = g.rng.integers(-127, 128, size=shape).astype(np.int8)
        zeros = g.constant(np.zeros(len(scales), np.int8))
        return g.node("DequantizeLinear", [g.constant(values), g.constant(scales), zeros], axis=axis)


def transposed(m):
    """Transposed convolutions: shape of the input, of the weights, what the node says."""
    cases = (
        ("same_size", [1, 5, 4, 5], [5, 3, 3, 3], dict(strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])),
        ("doubled", [1, 6, 3, 4], [6, 4, 2, 2], dict(strides=[2, 2])),
        ("groups", [1, 6, 4, 3], [6, 2, 4, 3], dict(strides=[2, 1], pads=[1, 0, 2, 1], group=3)),
        ("depthwise", [1, 9, 4, 4], [9, 1, 4, 4], dict(strides=[2, 2], pads=[1, 1, 1, 1], group=9)),
        ("dilated", [1, 3, 4, 5], [3, 5, 3, 2], dict(strides=[2, 3], dilations=[3, 2])),
        ("gaps", [1, 4, 3, 3], [4, 6, 1, 2], dict(strides=[2, 3])),
        ("upper", [1, 4, 3, 4], [4, 3, 3, 4], dict(strides=[2, 3], auto_pad="SAME_UPPER")),
        ("shape", [1, 4, 4, 4], [4, 3, 4, 4], dict(strides=[3, 2], output_shape=[12, 9])),
        ("sequence", [1, 7, 6], [7, 5, 4], dict(strides=[3], pads=[1, 0])),
    )
    for name, shape, kernel, attributes in cases:
        g = m.new(shape)
        (s, z), outputs = m.draw(g), kernel[1] * attributes.get("group", 1)
        scales = g.rng.uniform(0.005, 0.02, size=kernel[1]).astype(np.float32)
        # Scales go along the outputs of a group.
        inputs = [g.real("x", s, z), m.weights(g, kernel, scales, 1)]
        if name not in ("doubled", "dilated"):
            bias = g.rng.integers(-3000, 3000, size=outputs).astype(np.int32)
            of = np.float32(s) * np.tile(scales, outputs // kernel[1])
            inputs.append(g.node("DequantizeLinear", [g.constant(bias), g.constant(of), g.constant(np.zeros(outputs, np.int32))], axis=0))
        result = g.node("ConvTranspose", inputs, **attributes)
        if name in ("groups", "gaps"):
            result = g.node("Relu", [result])
        g.quantize(result, *m.draw(g))
        yield f"conv_transpose_{name}_{m.name}", g


def products(m):
    """Products of two maps that the graph computes."""
    flat = lambda g, n: np.full(n, 0.01, np.float32)

    def conv(g, x, inputs, outputs, kernel=1, scale=None):
        w = m.weights(g, [outputs, inputs, kernel, kernel], flat(g, outputs), 0)
        return m.through(g, g.node("Conv", [x, w], pads=[kernel // 2] * 4), scale)

    def result(g, operands, spread, behind=None, kind=None):
        """Quantised with the scale that the operands' have, times `spread`."""
        made = g.node("Mul", operands)
        made = g.node(behind, [made]) if behind else made
        s, z = m.draw(g)
        g.quantize(made, spread * s, z if kind is None else 0, kind)

    for name, behind in (("maps", None), ("maps_relu", "Relu")):
        g = m.new([1, 6, 7, 5])
        x = g.real("x", *m.draw(g))
        result(g, [conv(g, x, 6, 9), conv(g, x, 6, 9, 3)], 1, behind)
        yield f"mul_{name}_{m.name}", g
    # Scales whose products are exact halves, as those of codes between 0 and 1 are.
    g = m.new([1, 5, 6, 6])
    x = g.real("x", *m.draw(g))
    g.quantize(g.node("Mul", [conv(g, x, 5, 7, 1, 0.0625), conv(g, x, 5, 7, 3, 0.25)]), 1.0, 101 if m.unsigned else -3)
    yield f"mul_halves_{m.name}", g
    # Squeeze and excite: mean, two products, a gate; then the gate as the first operand, in QLinearMul.
    g = m.new([1, 10, 6, 7])
    s, z = m.draw(g)
    x = conv(g, g.real("x", s, z), 10, 12, 3)
    gate = conv(g, m.through(g, g.node("GlobalAveragePool", [x])), 12, 4)
    gate = m.through(g, g.node("HardSigmoid", [conv(g, gate, 4, 12)], alpha=1 / 6, beta=0.5), 1 / 256)
    result(g, [x, gate], 0.5)
    yield f"mul_squeeze_{m.name}", g
    g = m.new([1, 8, 5, 5])
    s, z = m.draw(g)
    mean = g.node("GlobalAveragePool", [g.real("x", s, z)])
    t, zt = m.draw(g)
    mean = g.node("QuantizeLinear", [mean, *g.codes(t, zt)])
    g.nodes.append(helper.make_node("QLinearMul", [mean, *g.codes(t, zt), "x", *g.codes(s, z), *g.codes(s, z)], ["y"], domain="com.microsoft"))
    yield f"mul_gate_first_{m.name}", g
    # A matrix by rows and by a vector of its columns.
    g = m.new([5, 12])
    s, z = m.draw(g)
    x = g.real("x", s, z)
    a, b = (m.through(g, g.node("MatMul", [x, m.weights(g, [12, 20], flat(g, 20), 1)])) for _ in range(2))
    result(g, [a, b], 1)
    yield f"mul_rows_{m.name}", g
    # Of two types it stays float32.
    g = m.new([1, 4, 6, 6])
    x = g.real("x", *m.draw(g))
    a, b = conv(g, x, 4, 6), conv(g, x, 4, 6, 3)
    result(g, [a, b], 1, None, np.int8 if m.unsigned else np.uint8)
    g.result = np.int8 if m.unsigned else np.uint8
    yield f"mul_two_types_{m.name}", g


def resized(m):
    """Linear resizes by whole factors."""
    cases = (
        ("2", [1, 5, 4, 6], [1, 1, 2, 2], "half_pixel"),
        ("3x2", [1, 9, 3, 5], [1, 1, 3, 2], "half_pixel"),
        ("4", [1, 4, 3, 3], [1, 1, 4, 4], "pytorch_half_pixel"),
        ("corners", [1, 5, 4, 6], [1, 1, 2, 3], "asymmetric"),
        ("sequence", [1, 6, 7], [1, 1, 2], "half_pixel"),
    )
    for name, shape, scales, mode in cases:
        g = m.new(shape)
        s, z = m.draw(g)
        x = g.node("Resize", [g.real("x", s, z), "", g.constant(np.array(scales, np.float32))], mode="linear", coordinate_transformation_mode=mode)
        g.quantize(x, *((s, z) if name == "2" else m.draw(g)))
        yield f"linear_{name}_{m.name}", g


def maps(graph, seed, unsigned):
    m = Maps(graph, seed, unsigned)
    yield from transposed(m)
    yield from products(m)
    yield from resized(m)
