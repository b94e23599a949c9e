# SPDX-License-Identifier: Apache-2.0
"""Networks of products of two activations, Softmax and normalisations for scripts/ort_rules.py, of scales that a seed draws."""
import numpy as np
from onnx import helper

from ort_maps import Maps


def ints(g, *values):
    return g.constant(np.array(values, np.int64))


def number(g, value):
    return g.constant(np.float32(value))


class Blocks(Maps):
    """Parts of transformers; a tensor is its name, its scale and about how many steps of it its values are away from zero."""

    def zero(self, g):
        return int(g.rng.integers(-40, 40)) + (128 if self.unsigned else 0)

    def real(self, g, result, scale, zero=None):
        """Quantised with this scale, and dequantised."""
        z = self.zero(g) if zero is None else zero
        return g.real(g.node("QuantizeLinear", [result, *g.codes(scale, z)]), scale, z)

    def fitting(self, g, size):
        """A scale for values of about this size, as far off as a draw says."""
        return float(np.float32(size / 50 * g.rng.uniform(0.7, 1.5)))

    def linear(self, g, x, inputs, outputs, size):
        """A product by weights with a scale for each channel; its size too."""
        scales = g.rng.uniform(0.002, 0.006, outputs).astype(np.float32)
        made = size * 0.004 * 74 * np.sqrt(inputs)
        s = self.fitting(g, made)
        return self.real(g, g.node("MatMul", [x, self.weights(g, [inputs, outputs], scales, 1)]), s), made

    def product(self, g, a, b, size, length):
        """A product of two activations of these sizes."""
        return self.real(g, g.node("MatMul", [a, b]), self.fitting(g, size * np.sqrt(length)))

    def softmax(self, g, x, **attributes):
        low = 0 if self.unsigned else -128
        return self.real(g, g.node("Softmax", [x], **attributes), float(np.float32(g.rng.uniform(1, 1.2) / 255)), low)

    def constant(self, g, shape, size):
        """A quantised constant of values up to this size."""
        low, high = (0, 256) if self.unsigned else (-128, 128)
        values = g.rng.integers(low, high, size=shape).astype(g.kind)
        return g.real(g.constant(values), float(np.float32(size / 128)), 128 if self.unsigned else 0)


def attention(m, g, tokens, width, heads, masked):
    """Attention with a residual sum; `masked`: positions are added in front of it, and a constant to the scores."""
    s, z = float(np.float32(g.rng.uniform(0.005, 0.02))), m.zero(g)
    x, size = g.real("x", s, z), 74 * s
    if masked:
        x = m.real(g, g.node("Add", [x, m.constant(g, [tokens, width], size)]), s * 1.4)
    each = width // heads
    parts = []
    for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        part, of = m.linear(g, x, width, width, size)
        part = g.node("Reshape", [part, ints(g, 1, tokens, heads, each)])
        parts.append(g.node("Transpose", [part], perm=perm))
    q, k, v = parts
    # Scores of a size at which Softmax neither picks one nor none.
    near = float(np.float32(of * of * np.sqrt(each) / g.rng.uniform(1, 2)))
    scores = m.product(g, q, k, of * of, each)
    scores = m.real(g, g.node("Div", [scores, number(g, near)]), m.fitting(g, of * of * np.sqrt(each) / near))
    if masked:
        scores = m.real(g, g.node("Add", [scores, m.constant(g, [1, 1, tokens, tokens], 3)]), m.fitting(g, 2.5))
    mixed = m.product(g, m.softmax(g, scores, axis=-1), v, of / tokens, tokens)
    mixed = g.node("Reshape", [g.node("Transpose", [mixed], perm=[0, 2, 1, 3]), ints(g, 1, tokens, width)])
    made, of = m.linear(g, mixed, width, width, of / np.sqrt(tokens))
    g.quantize(g.node("Add", [x, made]), m.fitting(g, size + of), m.zero(g))


def normalised(m, g, x, shape, axis, quantised, centered=True, inverse=False, turned=None):
    """A normalisation along an axis by its parts; `quantised`: as quantize_static leaves them; `turned`: transposed in its middle."""
    of = x
    if centered:
        of = g.node("Sub", [x, g.node("ReduceMean", [x], axes=[axis], keepdims=1)])
    if turned:
        of, axis = g.node("Transpose", [of], perm=turned), turned.index(axis % len(shape))
    v = g.node("ReduceMean", [g.node("Pow", [of, number(g, 2)])], axes=[axis], keepdims=1)
    if quantised:
        low = 0 if m.unsigned else -128
        s = float(np.float32(quantised * g.rng.uniform(0.006, 0.008)))
        v = m.real(g, v, s, low)
        top = 255 if m.unsigned else 127
        epsilon = g.real(g.constant(g.kind(top)), float(np.float32(1e-5 / 255)), low)
        v = m.real(g, g.node("Add", [v, epsilon]), float(np.float32(s + 1e-5 / 255)), low)
    else:
        v = g.node("Add", [v, number(g, 1e-5)])
    root = g.node("Sqrt", [v])
    if inverse:
        return g.node("Mul", [of, g.node("Reciprocal", [root])])
    return g.node("Div", [of, root])


def normalisations(m):
    gain = lambda g, n: g.constant(g.rng.uniform(0.3, 1.5, n).astype(np.float32))
    bias = lambda g, n: g.constant(g.rng.normal(size=n).astype(np.float32))
    scale = lambda g: float(np.float32(g.rng.uniform(0.012, 0.03)))
    for name, shape, axis in (("layer", [1, 9, 24], -1), ("image", [1, 5, 3, 4], 2), ("channels", [6, 17], 1)):
        g = m.new(shape)
        of = shape[axis:]
        made = g.node("LayerNormalization", [g.real("x", *m.draw(g)), gain(g, of), bias(g, of)], axis=axis, epsilon=1e-5)
        g.quantize(made, scale(g), m.zero(g))
        yield f"normalization_{name}_{m.name}", g
    g = m.new([1, 8, 20])
    made = normalised(m, g, g.real("x", *m.draw(g)), [1, 8, 20], -1, None)
    g.quantize(g.node("Add", [g.node("Mul", [made, gain(g, 20)]), bias(g, 20)]), scale(g), m.zero(g))
    yield f"normalization_parts_{m.name}", g
    for name, shape, axis, turned in (("quantised", [1, 9, 16], -1, None), ("transposed", [1, 12, 7], 1, [0, 2, 1])):
        g = m.new(shape)
        s, z = m.draw(g)
        made = normalised(m, g, g.real("x", s, z), shape, axis, (74 * s) ** 2, turned=turned)
        made = m.real(g, made, scale(g))
        n = shape[axis]
        made = m.real(g, g.node("Mul", [made, m.constant(g, [n], 1)]), scale(g))
        g.quantize(g.node("Add", [made, m.constant(g, [n], 1)]), scale(g), m.zero(g))
        yield f"normalization_{name}_{m.name}", g
    for name, inverse in (("rms", False), ("rms_inverse", True)):
        g = m.new([1, 8, 24])
        made = normalised(m, g, g.real("x", *m.draw(g)), [1, 8, 24], -1, None, centered=False, inverse=inverse)
        g.quantize(g.node("Mul", [gain(g, 24), made]), scale(g), m.zero(g))
        yield f"normalization_{name}_{m.name}", g
    g = m.new([1, 8, 24])
    made = g.node("SimplifiedLayerNormalization", [g.real("x", *m.draw(g)), gain(g, 24)], axis=-1, epsilon=1e-5)
    g.quantize(made, scale(g), m.zero(g))
    yield f"normalization_simplified_{m.name}", g


def products(m):
    """Products of two activations, each of its own scale and zero point."""
    g = m.new([7, 12])
    s, z = m.draw(g)
    x = g.real("x", s, z)
    (a, size), (b, _) = (m.linear(g, x, 12, 12, 74 * s) for _ in range(2))
    g.quantize(g.node("MatMul", [a, g.node("Transpose", [b], perm=[1, 0])]), m.fitting(g, size * size * 3.5), m.zero(g))
    yield f"activations_{m.name}", g
    # One matrix for every head, the second operand as it lies, and a constant for all of both.
    g = m.new([1, 3, 5, 8])
    s, z = m.draw(g)
    x = g.real("x", s, z)
    one = g.node("Slice", [x, ints(g, 1), ints(g, 2), ints(g, 1)])
    one = g.node("Transpose", [m.real(g, one, s, z)], perm=[0, 1, 3, 2])
    g.quantize(g.node("MatMul", [x, one]), m.fitting(g, (74 * s) ** 2 * 2.8), m.zero(g))
    yield f"activations_broadcast_{m.name}", g
    g = m.new([2, 6, 9])
    s, z = m.draw(g)
    g.nodes.append(helper.make_node("QLinearMatMul", [g.node("Transpose", ["x"], perm=[0, 2, 1]), *g.codes(s, z), "x", *g.codes(s, z),
                                                      *g.codes(m.fitting(g, (74 * s) ** 2 * 2.4), m.zero(g))], ["y"]))
    yield f"activations_in_integers_{m.name}", g


def softmaxes(m):
    """Softmax in the middle of a graph, along channels of an image, its rows, and in codes."""
    for name, axis in (("channels", 1), ("rows", 2)):
        g = m.new([1, 6, 5, 4])
        made = m.softmax(g, g.real("x", float(np.float32(g.rng.uniform(0.01, 0.05))), m.zero(g)), axis=axis)
        w = m.weights(g, [7, 6, 1, 1], g.rng.uniform(0.005, 0.02, 7).astype(np.float32), 0)
        g.quantize(g.node("Conv", [made, w]), m.fitting(g, 0.5), m.zero(g))
        yield f"softmax_{name}_{m.name}", g
    g = m.new([1, 6, 8])
    s, z = float(np.float32(g.rng.uniform(0.01, 0.05))), m.zero(g)
    t, low = float(np.float32(1 / 256)), 0 if m.unsigned else -128
    made = g.node("QLinearSoftmax", ["x", *g.codes(s, z), *g.codes(t, low)], domain="com.microsoft", axis=-1, opset=13)
    made = g.node("MatMul", [g.real(made, t, low), g.node("Transpose", [g.real("x", s, z)], perm=[0, 2, 1])])
    g.quantize(made, m.fitting(g, 74 * s), m.zero(g))
    yield f"softmax_codes_{m.name}", g


def embeddings(m):
    """Rows of quantised tables by indices, beside an input of another type; the mean over tokens."""
    def table(g, rows, width):
        low, high = (0, 256) if m.unsigned else (-128, 128)
        s, z = m.draw(g)
        t = g.real(g.constant(g.rng.integers(low, high, size=(rows, width)).astype(g.kind)), s, z)
        return t, s, z

    g = m.new([1, 12])
    g.x = g.rng.integers(-20, 20, size=(1, 12)).astype(np.int64)
    t, s, z = table(g, 20, 8)
    x = m.real(g, g.node("Gather", [t, "x"]), s, z)
    x, size = m.linear(g, x, 8, 10, 74 * s)
    g.quantize(g.node("ReduceMean", [x], axes=[1], keepdims=0), m.fitting(g, size / 3), m.zero(g))
    yield f"embedding_of_codes_{m.name}", g
    g = m.new([1, 13])
    g.others["v"] = np.array([[3, 0, -2]], np.int64)
    s, z = m.draw(g)
    x, most = m.linear(g, g.real("x", s, z), 13, 6, 74 * s)
    parts = [x]
    for i in range(3):
        t, s, z = table(g, 5 + i, 6)
        most = max(most, 74 * s)
        parts.append(m.real(g, g.node("Gather", [t, g.node("Gather", ["v", g.constant(np.int64(i))], axis=1)]), s, z))
    joined = m.real(g, g.node("Concat", parts, axis=1), m.fitting(g, most))
    made = g.node("MatMul", [joined, m.weights(g, [24, 5], np.full(5, 0.01, np.float32), 1)])
    g.quantize(made, m.fitting(g, most * 0.74 * 3), m.zero(g))
    yield f"embedding_of_columns_{m.name}", g
    # Tables of codes, as QuantFormat.QOperator leaves them, of several scales.
    g = m.new([1, 20])
    g.others["v"] = np.array([[-5, 2, 0, 6]], np.int64)
    s, z = m.draw(g)
    made = ["x", *g.codes(s, z)]
    for i in range(4):
        low, high = (0, 256) if m.unsigned else (-128, 128)
        scale, zero = m.draw(g)
        t = g.constant(g.rng.integers(low, high, size=(7 if i % 2 else 40, 20)).astype(g.kind))
        rows = g.node("Gather", [t, g.node("Gather", ["v", g.constant(np.array([i]))], axis=1)], axis=0)
        made += [g.node("Reshape", [rows, g.constant(np.array([1, 20]))]), *g.codes(scale, zero)]
    s, z = m.draw(g)
    joined = g.node("QLinearConcat", [*g.codes(s, z), *made], domain="com.microsoft", axis=1)
    made = g.node("MatMul", [g.real(joined, s, z), m.weights(g, [100, 5], np.full(5, 0.01, np.float32), 1)])
    g.quantize(made, m.fitting(g, 74 * s * 0.74 * 3), m.zero(g))
    yield f"embedding_columns_in_codes_{m.name}", g
    # One input of indices, parts of which take a row and its bias each, of several lengths; one row goes two ways.
    g = m.new([1, 9])
    g.others["v"] = np.array([[4, -1, 7]], np.int64)
    s, z = m.draw(g)
    x, most = m.linear(g, g.real("x", s, z), 9, 6, 74 * s)
    parts, width = [x], 6
    indices = ["first_two", "last"]
    g.nodes.append(helper.make_node("Split", ["v", g.constant(np.array([2, 1]))], indices, axis=1))
    for i, v in enumerate(indices):
        for columns in (6, 1):
            t, s, z = table(g, 8 + i, columns)
            most = max(most, 74 * s)
            rows = g.node("Gather", [t, v])
            ways = [m.real(g, rows, s, z)] + [m.real(g, rows, s * 1.5, z)] * (columns + i == 6)
            parts += [g.node("Reshape", [way, g.constant(np.array([1, -1]))]) for way in ways]
            width += len(ways) * columns * (2 - i)
    joined = m.real(g, g.node("Concat", parts, axis=1), m.fitting(g, most))
    made = g.node("MatMul", [joined, m.weights(g, [width, 5], np.full(5, 0.01, np.float32), 1)])
    g.quantize(made, m.fitting(g, most * 0.74 * 3), m.zero(g))
    yield f"embedding_of_two_tables_{m.name}", g
    # Positions: rows of a constant table by constants; indices of another type; statistics that are quantised.
    g = m.new([1, 6])
    g.x = g.rng.integers(-11, 11, size=(1, 6)).astype(np.int64)
    (t, s, z), (p, q, y) = table(g, 11, 8), table(g, 9, 8)
    rows = m.real(g, g.node("Gather", [t, g.node("Cast", ["x"], to=6)], axis=-2), s, z)
    places = m.real(g, g.node("Gather", [p, g.constant(np.array([[2, 0, 1, 5, 4, -1]]))]), q, y)
    x = m.real(g, g.node("Add", [rows, places]), m.fitting(g, 74 * (s + q)), m.zero(g))
    x = g.node("Reshape", [x, g.constant(np.array([6, 8]))])
    def codes(scale, zero):
        return g.real(g.constant(g.rng.integers(-100, 100, size=8).astype(np.int8)), scale, zero, np.int8)
    mean, var = (g.constant(v.astype(np.float32)) for v in (g.rng.uniform(-1, 1, 8), g.rng.uniform(0.3, 2, 8)))
    made = g.node("BatchNormalization", [x, codes(0.01, 0), codes(0.02, 0), mean, var])
    g.quantize(made, m.fitting(g, 74 * (s + q)), m.zero(g))
    yield f"embedding_and_positions_{m.name}", g


def blocks(graph, seed, unsigned):
    m = Blocks(graph, seed, unsigned, 2_300_000)
    for name, tokens, width, masked in (("attention", 10, 16, False), ("attention_masked", 8, 32, True)):
        g = m.new([1, tokens, width])
        attention(m, g, tokens, width, 2, masked)
        yield f"{name}_{m.name}", g
    yield from normalisations(m)
    yield from products(m)
    yield from softmaxes(m)
    yield from embeddings(m)
