# SPDX-License-Identifier: Apache-2.0
"""Means of functions that nothing quantises in between, for scripts/ort_rules.py: Q(mean(f(DQ(x)))) in float32, of scales that a
seed draws."""
import numpy as np

from ort_maps import Maps

WINDOWS = (
    ("tanh", "Tanh", [1, 6, 12, 12], dict(kernel_shape=[2, 2], strides=[2, 2])),
    ("elu", "Elu", [1, 5, 1, 40], dict(kernel_shape=[1, 4], strides=[1, 4])),
    ("sigmoid", "Sigmoid", [1, 17, 6, 5], None),
    ("leaky", "LeakyRelu", [1, 4, 9, 9], dict(kernel_shape=[3, 3], strides=[2, 2])),
    ("hardswish", "HardSwish", [1, 20, 7, 4], dict(kernel_shape=[2, 3])),
    ("counted", "Tanh", [1, 3, 7, 8], dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)),
    ("sequence", "Softsign", [1, 7, 24], dict(kernel_shape=[4], strides=[4])),
    ("exp", "Exp", [1, 2, 10, 10], dict(kernel_shape=[5, 5], strides=[5, 5])),
)


def measured(g, reach):
    """A scale for results that reach so far, and a zero point."""
    low = 0 if g.unsigned else -128
    return float(np.float32(reach / 127 * g.rng.uniform(0.3, 0.9))), int(g.rng.integers(low + 100, low + 156))


def functions(m):
    """A function, then a pool: its window, or the whole map."""
    for name, kind, shape, window in WINDOWS:
        g = m.new(shape)
        low = 0 if m.unsigned else -128
        zero = int(g.rng.integers(low + 90, low + 160))
        scale = float(np.float32(np.exp(g.rng.uniform(-4.5, -3))))
        result = g.node(kind, [g.real("x", scale, zero)])
        pool = "AveragePool" if window else "GlobalAveragePool"
        result = g.node(pool, [result], **(window or {}))
        reach = dict(Exp=np.exp(100 * scale) / 4, Elu=64 * scale, LeakyRelu=64 * scale, HardSwish=64 * scale).get(kind, 0.6)
        g.quantize(result, *measured(g, reach))
        yield f"mean_of_{name}_{m.name}", g


def channels(m):
    """BatchNormalization, Relu or a Clip above, then a mean."""
    cases = (
        ("relu", [1, 19, 4, 4], None, "Relu"),
        ("relu_window", [1, 8, 8, 8], dict(kernel_shape=[2, 2], strides=[2, 2]), "Relu"),
        ("line", [1, 6, 6, 6], dict(kernel_shape=[3, 2]), None),
        ("reduced", [1, 11, 3, 5], "reduce", "Relu"),
    )
    for name, shape, window, kind in cases:
        g = m.new(shape)
        low, count = 0 if m.unsigned else -128, shape[1]
        numbers = (g.rng.uniform(-1.5, 1.5, count), g.rng.uniform(-1, 1, count), g.rng.uniform(-1, 1, count), g.rng.uniform(0.3, 2, count))
        constants = [g.constant(v.astype(np.float32)) for v in numbers]
        x = g.real("x", float(np.float32(np.exp(g.rng.uniform(-4, -3)))), int(g.rng.integers(low + 90, low + 160)))
        result = g.node("BatchNormalization", [x, *constants])
        if kind:
            result = g.node(kind, [result])
        if window == "reduce":
            result = g.node("ReduceMean", [result], axes=[2, 3], keepdims=0)
        else:
            result = g.node("AveragePool" if window else "GlobalAveragePool", [result], **(window or {}))
        g.quantize(result, *measured(g, 3.0))
        yield f"mean_of_channels_{name}_{m.name}", g


def means(graph, seed, unsigned):
    m = Maps(graph, seed, unsigned, 900_000)
    yield from functions(m)
    yield from channels(m)
