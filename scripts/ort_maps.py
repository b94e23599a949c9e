# SPDX-License-Identifier: Apache-2.0
"""Networks of transposed convolutions and of products of maps for scripts/ort_rules.py, of scales that a seed draws."""
import numpy as np


class Maps:
    """Graphs of one type, each with random numbers of its own."""

    def __init__(self, graph, seed, unsigned):
        self.graph, self.seed, self.unsigned, self.count = graph, seed, unsigned, 0
        self.name = f"{'uint8' if unsigned else 'int8'}_{seed}"

    def new(self, shape):
        self.count += 1
        return self.graph(shape, self.unsigned, 500_000 + 1000 * self.seed + self.count)

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


def maps(graph, seed, unsigned):
    m = Maps(graph, seed, unsigned)
    yield from transposed(m)
