# SPDX-License-Identifier: Apache-2.0
"""Networks for scripts/ort_rules.py of what stands around attention: normalisations whose squares have codes, as QOperator networks have
them, of the float32 input and at the end of a graph; a token that Concat puts in front."""
import numpy as np

from ort_attention import Blocks, ints, number


def microsoft(g, kind, inputs):
    return g.node(kind, inputs, domain="com.microsoft")


def squares(m, g, x, axis, size, spare=1.0):
    """Codes of the mean of squares of a tensor whose values are up to three times `size`: dequantised, and their scale."""
    low = 0 if m.unsigned else -128
    s = float(np.float32(size * g.rng.uniform(0.03, 0.05)))
    square = m.real(g, g.node("Mul", [x, x]), s, low)
    s = float(np.float32(size * spare * g.rng.uniform(0.006, 0.008)))
    return m.real(g, g.node("ReduceMean", [square], axes=[axis], keepdims=1), s, low), s


def roots(m):
    """Quotients by roots of codes that other layers make."""
    gain = lambda g, *n: g.constant(g.rng.uniform(0.3, 1.5, n).astype(np.float32))
    scale = lambda g: float(np.float32(g.rng.uniform(0.012, 0.03)))
    low = 0 if m.unsigned else -128
    for name, shape, axis in (("squares", [1, 9, 24], -1), ("squares_image", [1, 12, 5, 3], 1), ("squares_few", [1, 3, 40], -1)):
        g = m.new(shape)
        s, z = m.draw(g)
        x = g.real("x", s, z)
        v, of = squares(m, g, x, axis, (74 * s) ** 2)
        # Enough for its codes to be others: the sum has a scale of its own.
        add = 2e-3 * of * 255 if axis == 1 else 1e-5
        epsilon = g.real(g.constant(g.kind(255 if m.unsigned else 127)), float(np.float32(add / 255)), low)
        v = m.real(g, g.node("Add", [v, epsilon]), float(np.float32(of * 1.01 + add / 255)), low)
        made = m.real(g, g.node("Div", [x, g.node("Sqrt", [v])]), scale(g))
        n = [shape[1], 1, 1] if axis == 1 else [shape[-1]]
        g.quantize(g.node("Mul", [made, m.constant(g, n, 1)]), scale(g), m.zero(g))
        yield f"normalization_{name}_{m.name}", g
    # A constant in float32, a reciprocal, a gain; and the distance from the mean.
    for name, centred in (("root", False), ("root_centred", True)):
        g = m.new([1, 8, 20])
        s, z = m.draw(g)
        x = g.real("x", s, z)
        v, _ = squares(m, g, x, -1, (74 * s) ** 2)
        root = g.node("Sqrt", [g.node("Add", [v, number(g, (7 * s) ** 2)])])
        of = g.node("Sub", [x, g.node("ReduceMean", [x], axes=[-1], keepdims=1)]) if centred else x
        made = g.node("Div", [of, root]) if centred else g.node("Mul", [of, g.node("Reciprocal", [root])])
        g.quantize(g.node("Mul", [made, gain(g, 20)]), scale(g), m.zero(g))
        yield f"normalization_{name}_{m.name}", g
    # The inverse of the root has codes: a factor for each pixel.
    g = m.new([1, 8, 20])
    s, z = m.draw(g)
    x = g.real("x", s, z)
    v, _ = squares(m, g, x, -1, (74 * s) ** 2)
    inverse = m.real(g, g.node("Reciprocal", [g.node("Sqrt", [v])]), float(np.float32(1 / (74 * s) / 60)), low)
    g.quantize(g.node("Mul", [x, inverse]), scale(g), m.zero(g))
    yield f"normalization_factors_{m.name}", g


def in_codes(m):
    """By its parts as QOperator has them: the sum with epsilon is QLinearAdd."""
    low, top = (0, 255) if m.unsigned else (-128, 127)
    g = m.new([1, 9, 16])
    s, z = m.draw(g)
    x = g.real("x", s, z)
    d = g.node("Sub", [x, g.node("ReduceMean", [x], axes=[-1], keepdims=1)])
    v = g.node("ReduceMean", [g.node("Pow", [d, number(g, 2)])], axes=[-1], keepdims=1)
    of = float(np.float32((74 * s) ** 2 * g.rng.uniform(0.006, 0.008)))
    v = g.node("QuantizeLinear", [v, *g.codes(of, low)])
    epsilon = [g.constant(g.kind(top)), *g.codes(float(np.float32(1e-5 / 255)), low)]
    to = g.codes(float(np.float32(of + 1e-5 / 255)), low)
    v = microsoft(g, "QLinearAdd", [v, *g.codes(of, low), *epsilon, *to])
    v = g.node("DequantizeLinear", [v, *to])
    g.quantize(g.node("Div", [d, g.node("Sqrt", [v])]), float(np.float32(g.rng.uniform(0.012, 0.03))), m.zero(g))
    yield f"normalization_in_codes_{m.name}", g


def edges(m):
    """A normalisation of the float32 input beside its codes; one behind the last codes; parts of one."""
    gain = lambda g, n: g.constant(g.rng.uniform(0.3, 1.5, n).astype(np.float32))
    bias = lambda g, n: g.constant(g.rng.normal(size=n).astype(np.float32))
    scale = lambda g: float(np.float32(g.rng.uniform(0.012, 0.03)))
    for name, alone in (("input", False), ("input_alone", True)):
        g = m.new([1, 6, 12])
        g.x = g.rng.normal(size=(1, 6, 12)).astype(np.float32)
        made = g.node("LayerNormalization", ["x", gain(g, 12), bias(g, 12)], axis=-1, epsilon=1e-5)
        made, size = m.linear(g, m.real(g, made, scale(g)), 12, 12, 1.5)
        if alone:
            g.quantize(g.node("Relu", [made]), scale(g), m.zero(g))
        else:
            g.quantize(g.node("Add", [m.real(g, "x", scale(g)), made]), m.fitting(g, size), m.zero(g))
        yield f"normalization_{name}_{m.name}", g
    # Divided in float32 by the root of codes, as QOperator leaves it.
    low, top = (0, 255) if m.unsigned else (-128, 127)
    g = m.new([1, 6, 12])
    g.x = g.rng.normal(size=(1, 6, 12)).astype(np.float32)
    own, sq, mean = (g.codes(*c) for c in ((scale(g), m.zero(g)), (0.04, low), (0.012, low)))
    total = g.codes(0.0121, low)
    x = g.node("QuantizeLinear", ["x", *own])
    v = g.node("DequantizeLinear", [microsoft(g, "QLinearMul", [x, *own, x, *own, *sq]), *sq])
    v = g.node("QuantizeLinear", [g.node("ReduceMean", [v], axes=[-1], keepdims=1), *mean])
    v = microsoft(g, "QLinearAdd", [v, *mean, g.constant(g.kind(top)), *g.codes(1e-5 / 255, low), *total])
    made = g.node("Div", ["x", g.node("Sqrt", [g.node("DequantizeLinear", [v, *total])])])
    made = m.real(g, made, scale(g))
    g.quantize(g.node("Add", [g.node("DequantizeLinear", [x, *own]), made]), scale(g), m.zero(g))
    yield f"normalization_input_squares_{m.name}", g
    g = m.new([1, 7, 10])
    s, z = m.draw(g)
    made, _ = m.linear(g, g.real("x", s, z), 10, 12, 74 * s)
    g.node("LayerNormalization", [made, gain(g, 12), bias(g, 12)], "y", axis=-1, epsilon=1e-5)
    g.result = np.float32
    yield f"normalization_behind_{m.name}", g
    g = m.new([1, 7, 10])
    made = g.node("LayerNormalization", [g.real("x", *m.draw(g)), gain(g, 10), bias(g, 10)], axis=-1, epsilon=1e-5)
    made = g.node("Gather", [made, g.constant(np.int64(0))], axis=1)
    g.quantize(made, scale(g), m.zero(g))
    yield f"normalization_picked_{m.name}", g


def embedded(m):
    """Rows of a table of codes, as QOperator has them; a normalisation of the input in other orders."""
    low, high = (0, 256) if m.unsigned else (-128, 128)
    g = m.new([1, 7])
    g.x = g.rng.integers(-20, 20, size=(1, 7)).astype(np.int64)
    s, z = m.draw(g)
    rows = g.node("Gather", [g.constant(g.rng.integers(low, high, size=(20, 8)).astype(g.kind)), "x"])
    made, size = m.linear(g, g.node("DequantizeLinear", [rows, *g.codes(s, z)]), 8, 10, 74 * s)
    g.quantize(made, m.fitting(g, size), m.zero(g))
    yield f"embedding_in_codes_{m.name}", g
    g = m.new([1, 6, 12])
    g.x = g.rng.normal(size=(1, 6, 12)).astype(np.float32)
    gain = g.constant(g.rng.uniform(0.3, 1.5, 12).astype(np.float32))
    made = g.node("LayerNormalization", ["x", gain], axis=-1, epsilon=1e-5)
    s, z = 0.02, m.zero(g)
    parts = [m.real(g, g.node("Reshape", [made, ints(g, 6, 12)]), s, z), m.real(g, g.node("Transpose", [made], perm=[0, 2, 1]), s, z)]
    by = [m.linear(g, part, n, 9, 1.5) for part, n in zip(parts, (12, 6))]
    g.quantize(g.node("MatMul", [g.node("Reshape", [by[1][0], ints(g, 12, 9)]), g.node("Transpose", [by[0][0]], perm=[1, 0])]),
               m.fitting(g, by[0][1] * by[1][1] * 3), m.zero(g))
    yield f"normalization_input_moved_{m.name}", g


def joined(m):
    """A constant that Concat puts beside codes: of their scale, of another, in float32, made larger by Expand, in codes; of channels."""
    low, high = (0, 256) if m.unsigned else (-128, 128)
    draw = lambda g, *shape: g.constant(g.rng.integers(low, high, size=shape).astype(g.kind))
    for name in ("token", "token_scaled", "token_float", "token_expanded", "token_in_codes", "channels"):
        g = m.new([1, 5, 12])
        s, z = m.draw(g)
        x, size = m.linear(g, g.real("x", s, z), 12, 8, 74 * s)
        to, at = m.fitting(g, size), m.zero(g)
        if name == "token_in_codes":
            own = g.node("QuantizeLinear", [x, *g.codes(to, at)])
            scaled = [draw(g, 1, 1, 8), *g.codes(to * 0.7, m.zero(g))]
            out = g.codes(to * 1.1, m.zero(g))
            made = g.node("QLinearConcat", [*out, *scaled, own, *g.codes(to, at)], domain="com.microsoft", axis=1)
            x, to, at = g.node("DequantizeLinear", [made, *out]), to * 1.1, None
        elif name == "token":
            x = m.real(g, x, to, at)
            x = g.node("Concat", [g.real(draw(g, 1, 1, 8), to, at), x, g.real(draw(g, 1, 2, 8), to, at)], axis=1)
            x = m.real(g, x, to, at)
        else:
            t = {"token_float": lambda: g.constant(g.rng.normal(size=(1, 1, 8)).astype(np.float32) * np.float32(size)),
                 "channels": lambda: g.real(draw(g, 1, 5, 3), to * 0.9, m.zero(g)),
                 "token_expanded": lambda: g.node("Expand", [g.real(draw(g, 8), to * 0.9, m.zero(g)), ints(g, 1, 2, 8)])}
            t = t.get(name, lambda: g.real(draw(g, 1, 1, 8), to * 0.8, m.zero(g)))()
            x = m.real(g, g.node("Concat", [t, x], axis=2 if name == "channels" else 1), to, at)
        n = 11 if name == "channels" else 8
        made, size = m.linear(g, x, n, 6, size)
        g.quantize(made, m.fitting(g, size), m.zero(g))
        yield f"concat_constant_{name}_{m.name}", g


def transformers(graph, seed, unsigned):
    m = Blocks(graph, seed, unsigned, 3_100_000)
    for part in (roots, in_codes, edges, embedded, joined):
        yield from part(m)
