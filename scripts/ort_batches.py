# SPDX-License-Identifier: Apache-2.0
"""Networks of a static batch for scripts/ort_rules.py, of scales that a seed draws: each element of the batch is a run."""
import numpy as np

from ort_maps import Maps


def conv(m, g, x, shape, **attributes):
    """A convolution of the real values `x` with random weights, quantised and dequantised again; its scale fits the sums."""
    scales = g.rng.uniform(0.005, 0.02, size=shape[0]).astype(np.float32)
    weights = m.weights(g, shape, scales, 0)
    return g.node("Conv", [x, weights], **attributes)


def product(m, g, x, shape):
    values = g.rng.integers(-127, 128, size=shape).astype(np.int8)
    weights = g.node("DequantizeLinear", [g.constant(values), *g.codes(0.01, 0, np.int8)])
    return g.node("MatMul", [x, weights])


def batches(graph, seed, unsigned):
    m = Maps(graph, seed, unsigned, 1_300_000)
    # An image network with a Reshape that counts the batch.
    g = m.new([4, 3, 6, 6])
    x = g.real("x", *m.draw(g))
    c = m.through(g, g.node("Relu", [conv(m, g, x, [8, 3, 3, 3], pads=[1, 1, 1, 1], strides=[2, 2])]), 0.3)
    flat = g.node("Reshape", [c, g.constant(np.array([4, -1], np.int64))])
    g.quantize(product(m, g, flat, [72, 5]), 3.0, m.draw(g)[1])
    yield f"batch_reshape_{m.name}", g
    # A residual sum, a mean and Flatten.
    g = m.new([3, 4, 5, 5])
    x = g.real("x", *m.draw(g))
    c = m.through(g, conv(m, g, x, [4, 4, 1, 1]), 0.2)
    total = m.through(g, g.node("Add", [c, x]), 0.25)
    mean = m.through(g, g.node("GlobalAveragePool", [total]), 0.1)
    g.quantize(product(m, g, g.node("Flatten", [mean]), [4, 6]), 0.2, m.draw(g)[1])
    yield f"batch_residual_{m.name}", g
    # A sequence, parts of channels, joined.
    g = m.new([2, 6, 12])
    x = g.real("x", *m.draw(g))
    parts = [g.node("Slice", [x, *(g.constant(np.array([v], np.int64)) for v in (at, at + 3, 1))]) for at in (0, 3)]
    joined = g.node("Concat", [parts[1], parts[0]], axis=1)
    g.quantize(conv(m, g, joined, [5, 6, 3], pads=[1, 1]), 0.5, m.draw(g)[1])
    yield f"batch_sequence_{m.name}", g
