# SPDX-License-Identifier: Apache-2.0
"""Small transformers of drawn forms with what ONNX Runtime makes of them, as cases for sw/model/tests/encoders.rs.

    ort_encoders.py OUT COUNT SEED        cases that a seed draws: OUT/NAME/model.onnx, test_data_set_0
    ort_encoders.py OUT MODEL NAME=SIZE.. one case of a model of one's own, its open dimensions as given

Weights lie on a grid of 127 steps of each output channel's (or tensor's) largest, so that a model whose weights are quantised is the
float32 model that was drawn; outputs are that float32 model's. A case named `..._free` has weights off any grid.
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

FORMATS = ["dynamic", "dynamic_channel", "dynamic_unsigned", "cast", "dequantize", "dequantize_tensor", "float"]


class Graph:
    def __init__(self, rng, opset, grid):
        self.rng, self.opset, self.grid = rng, opset, grid
        self.nodes, self.inits, self.inputs, self.feeds, self.count = [], [], [], {}, 0
        self.weights = []

    def name(self, kind="v"):
        self.count += 1
        return f"{kind}_{self.count}"

    def node(self, op, inputs, outputs=1, **attributes):
        names = [self.name(op.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=self.name("n"), **attributes))
        return names[0] if outputs == 1 else names

    def const(self, value, kind="c"):
        name = self.name(kind)
        self.inits.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def f(self, value):
        return self.const(np.float32(value))

    def ints(self, *values):
        return self.const(np.array(values, np.int64))

    def input(self, name, value, dims):
        kind = {"f": TensorProto.FLOAT, "i": TensorProto.INT64}[value.dtype.kind]
        self.inputs.append(helper.make_tensor_value_info(name, kind, dims))
        self.feeds[name] = value
        return name

    def weight(self, k, n):
        """[k, n] on the grid that its quantisation takes."""
        w = self.rng.normal(0, 1.0 / np.sqrt(k), (k, n)).astype(np.float32)
        return self.on_grid(w, self.grid, k, "w")

    def table(self, rows, n):
        """Of embeddings, which quantize_dynamic quantises too, as a whole."""
        w = self.rng.normal(0, 1, (rows, n)).astype(np.float32)
        return self.on_grid(w, self.grid and "byte", 4, "table")

    def on_grid(self, w, grid, k, kind):
        n = w.shape[1]
        if grid is not None:
            across = 0 if grid == "channel" else None
            steps = {"seven": 63}.get(grid, 127)
            codes = np.rint(w / np.abs(w).max(axis=across, keepdims=True) * steps)
            scale = self.rng.uniform(0.5, 1.5, (1, n if across == 0 else 1)).astype(np.float32) * np.float32(2) / np.sqrt(k) / 127
            if grid == "seven":
                codes.flat[0], codes.flat[1] = 63, -64
            if grid == "byte":
                codes.flat[0], codes.flat[1] = 127, -128
            w = (codes * scale).astype(np.float32)
        name = self.const(w, kind)
        if kind == "w":
            self.weights.append(name)
        return name

    def bias(self, n):
        return self.const(self.rng.normal(0, 0.2, n).astype(np.float32), "b")

    def reduce_mean(self, x, axis=-1, keep=1):
        if self.opset >= 18:
            return self.node("ReduceMean", [x, self.ints(axis)], keepdims=keep)
        return self.node("ReduceMean", [x], axes=[axis], keepdims=keep)

    def dims(self, x, start, end):
        if self.opset >= 15:
            return self.node("Shape", [x], start=start, end=end)
        return self.node("Slice", [self.node("Shape", [x]), self.ints(start), self.ints(end), self.ints(0)])

    def unsqueeze(self, x, *axes):
        return self.node("Unsqueeze", [x, self.ints(*axes)])


def linear(g, x, k, n, form, bias=True):
    if form == "gemm":
        flat = g.node("Reshape", [x, g.ints(-1, k)])
        w = g.weight(k, n)
        y = g.node("Gemm", [flat, w] + ([g.bias(n)] if bias else []))
        return g.node("Reshape", [y, g.ints(1, -1, n)])
    y = g.node("MatMul", [x, g.weight(k, n)])
    if not bias:
        return y
    return g.node("Add", [y, g.bias(n)] if g.rng.integers(2) else [g.bias(n), y])


def norm(g, x, d, form, rms=False):
    gain = (1 + g.rng.normal(0, 0.2, d)).astype(np.float32)
    bias = g.rng.normal(0, 0.2, d).astype(np.float32)
    eps = [1e-5, 1e-12, 1e-6][g.rng.integers(3)]
    if rms:
        sq = g.node("Mul", [x, x]) if form == 1 else g.node("Pow", [x, g.f(2)])
        den = g.node("Sqrt", [g.node("Add", [g.reduce_mean(sq), g.f(eps)])])
        y = g.node("Div", [x, den]) if form == 0 else g.node("Mul", [x, g.node("Reciprocal", [den])])
        return g.node("Mul", [g.const(gain), y] if form == 2 else [y, g.const(gain)])
    if form == 0 and g.opset >= 17:
        return g.node("LayerNormalization", [x, g.const(gain), g.const(bias)], epsilon=eps, axis=-1)
    mu = g.reduce_mean(x)
    c = g.node("Sub", [x, mu])
    sq = g.node("Pow", [c, g.f(2)]) if form != 2 else g.node("Mul", [c, c])
    var = g.node("Add", [g.reduce_mean(sq), g.f(eps)])
    if form == 3:  # TensorFlow's order
        r = g.node("Mul", [g.node("Reciprocal", [g.node("Sqrt", [var])]), g.const(gain)])
        return g.node("Add", [g.node("Mul", [x, r]), g.node("Sub", [g.const(bias), g.node("Mul", [mu, r])])])
    y = g.node("Div", [c, g.node("Sqrt", [var])])
    return g.node("Add", [g.node("Mul", [y, g.const(gain)]), g.const(bias)])


def gelu(g, x, form):
    if form == 5 and g.opset >= 20:
        return g.node("Gelu", [x])
    if form == 4:
        cube = g.node("Pow", [x, g.f(3)])
        inner = g.node("Mul", [g.node("Add", [x, g.node("Mul", [cube, g.f(0.044715)])]), g.f(np.sqrt(2 / np.pi))])
        return g.node("Mul", [g.node("Mul", [g.f(0.5), x]), g.node("Add", [g.node("Tanh", [inner]), g.f(1)])])
    arg = g.node("Div", [x, g.f(np.sqrt(2))]) if form % 2 else g.node("Mul", [x, g.f(np.sqrt(0.5))])
    one = g.node("Add", [g.node("Erf", [arg]), g.f(1)])
    if form == 0:
        return g.node("Mul", [g.node("Mul", [x, one]), g.f(0.5)])
    if form == 1:
        return g.node("Mul", [x, g.node("Mul", [g.f(0.5), one])])
    if form == 2:
        return g.node("Mul", [g.node("Mul", [x, g.f(0.5)]), one])
    return g.node("Mul", [g.node("Div", [one, g.f(2)]), x])


def activation(g, x, form):
    if form == "relu":
        return g.node("Relu", [x])
    if form == "silu":
        return g.node("Mul", [x, g.node("Sigmoid", [x])])
    if form == "quick":
        return g.node("Mul", [x, g.node("Sigmoid", [g.node("Mul", [x, g.f(1.702)])])])
    return gelu(g, x, int(form[4:]))


class Mask:
    """What is done to scores, computed of `attention_mask`."""

    def __init__(self, g, form, mask):
        self.form, self.raw = form, mask
        if form == "none":
            return
        four = g.unsqueeze(mask, 1, 2)
        if form == "add":
            m = g.node("Cast", [four], to=1)
            self.value = g.node("Mul", [g.node("Sub", [g.f(1), m]), g.f([-10000.0, -3.4028235e38][g.rng.integers(2)])])
        elif form == "where":
            b = g.node("Cast", [four], to=9)
            self.value = g.node("Where", [b, g.f(0), g.f(-np.inf if g.rng.integers(2) else -3.4e38)])
        elif form == "expand":
            t = g.dims(mask, 1, 2)
            shape = g.node("Concat", [g.ints(1, 1), t, t], axis=0)
            m = g.node("Sub", [g.f(1), g.node("Cast", [g.node("Expand", [four, shape])], to=1)])
            self.value = g.node("Where", [g.node("Cast", [m], to=9), g.f(-3.4028235e38), m])
        else:
            self.value = g.node("Equal", [four, g.ints(0)])

    def on(self, g, s):
        if self.form == "none":
            return s
        if self.form == "fill":
            shape = g.node("Shape", [s])
            return g.node("Where", [g.node("Expand", [self.value, shape]), g.f(-3.4028235e38), s])
        return g.node("Add", [s, self.value] if g.rng.integers(2) else [self.value, s])


def attention(g, x, d, c, mask):
    h, kv, e = c["heads"], c["kv"], d // c["heads"]
    scale = 1 / np.sqrt(e)

    if c["fused"] in ("one", "three") and h == kv:
        # ONNX Runtime's own operators.
        raw = [g.node("Cast", [mask.raw], to=6)] if mask.form != "none" else []
        if c["fused"] == "one":
            names = [x, g.weight(d, 3 * d), g.bias(3 * d)] + raw
        else:
            names = [g.node("MatMul", [x, g.weight(d, d)]) for _ in range(3)] + [g.bias(3 * d)] + raw
        op = "Attention" if c["fused"] == "one" else "MultiHeadAttention"
        o = g.node(op, names, domain="com.microsoft", num_heads=h)
        return linear(g, o, d, d, c["linear"])

    def heads(v, n):
        shape = g.node("Concat", [g.dims(v, 0, 2), g.ints(n, e)], axis=0)
        return g.node("Transpose", [g.node("Reshape", [v, shape])], perm=[0, 2, 1, 3])

    if c["fused"] == "split" and h == kv:
        q, k, v = g.node("Split", [linear(g, x, d, 3 * d, c["linear"]), g.ints(d, d, d)], 3, axis=-1)
        q, k, v = heads(q, h), heads(k, h), heads(v, h)
    elif c["fused"] == "gather" and h == kv:
        all_ = g.node("Reshape", [linear(g, x, d, 3 * d, c["linear"]), g.ints(1, -1, 3, h, e)])
        all_ = g.node("Transpose", [all_], perm=[2, 0, 3, 1, 4])
        q, k, v = (g.node("Gather", [all_, g.const(np.int64(i))], axis=0) for i in range(3))
    else:
        bias = c["bias"]
        q = heads(linear(g, x, d, d, c["linear"], bias), h)
        k = heads(linear(g, x, d, kv * e, c["linear"], bias), kv)
        v = heads(linear(g, x, d, kv * e, c["linear"], bias), kv)
    if kv != h:
        t = c["tokens"]

        def repeat(v):
            v = g.node("Expand", [g.unsqueeze(v, 2), g.ints(1, kv, h // kv, t, e)])
            return g.node("Reshape", [v, g.ints(1, h, t, e)])

        k, v = repeat(k), repeat(v)
    if c["scale"] in ("both", "q"):
        by = g.f(np.sqrt(scale) if c["scale"] == "both" else scale)
        q = g.node("Mul", [q, by])
    if c["flat"]:
        t = c["tokens"]
        q, k, v = (g.node("Reshape", [u, g.ints(h, t, e)]) for u in (q, k, v))
    k = g.node("Transpose", [k], perm=[0, 2, 1] if c["flat"] else [0, 1, 3, 2])
    if c["scale"] == "both":
        k = g.node("Mul", [k, by])
    s = g.node("MatMul", [q, k])
    if c["flat"]:
        s = g.node("Reshape", [s, g.ints(1, h, c["tokens"], c["tokens"])])
    if c["scale"] == "div":
        s = g.node("Div", [s, g.f(np.sqrt(e))])
    elif c["scale"] == "mul":
        s = g.node("Mul", [g.f(scale), s])
    p = g.node("Softmax", [mask.on(g, s)], axis=-1)
    if c["guard"]:
        p = g.node("Where", [g.node("IsNaN", [p]), g.f(0), p])
    if c["flat"]:
        p = g.node("Reshape", [p, g.ints(h, c["tokens"], c["tokens"])])
    o = g.node("MatMul", [p, v])
    if c["flat"]:
        o = g.node("Reshape", [o, g.ints(1, h, c["tokens"], e)])
    o = g.node("Reshape", [g.node("Transpose", [o], perm=[0, 2, 1, 3]), g.ints(1, -1, d)])
    return linear(g, o, d, d, c["linear"])


def feed_forward(g, x, d, c):
    f = c["ff"]
    if c["gated"]:
        if c["fused_gate"]:
            a, b = g.node("Split", [linear(g, x, d, 2 * f, c["linear"], False), g.ints(f, f)], 2, axis=-1)
        else:
            a, b = linear(g, x, d, f, c["linear"], c["bias"]), linear(g, x, d, f, c["linear"], c["bias"])
        y = activation(g, a, "silu" if c["act"] in ("relu", "quick") else c["act"])
        y = g.node("Mul", [y, b] if g.rng.integers(2) else [b, y])
    else:
        y = activation(g, linear(g, x, d, f, c["linear"]), c["act"])
    return linear(g, y, f, d, c["linear"], c["bias"])


def draw(rng):
    pick = lambda *a: a[rng.integers(len(a))]
    heads = pick(1, 2, 4)
    d = heads * pick(4, 8, 16)
    rms = bool(rng.integers(3) == 0)
    return {
        "kind": pick("encoder", "encoder", "encoder", "encoder", "mlp"),
        "format": pick(*FORMATS), "opset": pick(13, 17, 17, 18, 20), "tokens": int(pick(1, 4, 7, 12)), "heads": heads, "d": d,
        "kv": heads if rng.integers(3) or heads == 1 else heads // 2, "layers": int(pick(1, 2)), "ff": 2 * d + 8,
        "pre": bool(rng.integers(2)), "rms": rms, "norm": int(rng.integers(3 if rms else 4)),
        "act": pick("relu", "silu", "quick", "gelu0", "gelu1", "gelu2", "gelu3", "gelu4", "gelu5"),
        "gated": rms and bool(rng.integers(2)), "fused_gate": bool(rng.integers(2)), "bias": bool(rng.integers(2)),
        "linear": pick("matmul", "matmul", "gemm"), "fused": pick("no", "split", "gather", "one", "three"), "flat": bool(rng.integers(3) == 0),
        "scale": pick("div", "mul", "q", "both"), "mask": pick("none", "add", "where", "expand", "fill"),
        "guard": bool(rng.integers(2)), "inputs": pick("ids", "ids", "numbers"), "embed_norm": bool(rng.integers(2)),
        "head": pick("hidden", "hidden", "pooler", "mean", "tokens", "answer"), "optimise": bool(rng.integers(3) == 0),
        "free": bool(rng.integers(8) == 0),
    }


def build(seed):
    rng = np.random.default_rng(seed)
    c = draw(rng)
    fmt = c["format"]
    # The host computes a pooled vector's product as the file has it, with codes of the whole tensor.
    c["free"] |= fmt.startswith("dynamic") and c["head"] == "pooler" and c["kind"] != "mlp"
    grid = {"dynamic": "tensor", "dequantize_tensor": "tensor", "dynamic_unsigned": "seven"}.get(fmt, "channel")
    g = Graph(rng, c["opset"], None if c["free"] else grid)
    t, d = c["tokens"], c["d"]
    if c["kind"] == "mlp":
        x = g.input("x", rng.normal(0, 1, (t, 10)).astype(np.float32), ["batch", 10])
        sizes = [10, 24, 16, 5]
        for i in range(3):
            y = g.node("MatMul", [x, g.weight(sizes[i], sizes[i + 1])])
            x = g.node("Add", [y, g.bias(sizes[i + 1])])
            if i < 2:
                x = activation(g, x, c["act"])
        outputs = [g.node("Softmax", [x], axis=-1)]
        return c, g, outputs
    mask_value = np.ones((1, t), np.int64)
    mask_value[:, t - rng.integers(0, max(t // 2, 1)) :] = 0
    if c["inputs"] == "ids":
        ids = g.input("input_ids", rng.integers(0, 30, (1, t)), ["batch", "sequence"])
        table = g.table(30, d)
        x = g.node("Gather", [table, ids], axis=0)
        n = g.node("Squeeze", [g.node("Slice", [g.node("Shape", [ids]), g.ints(1), g.ints(2), g.ints(0)])])
        positions = g.node("Range", [g.const(np.int64(0)), n, g.const(np.int64(1))])
        x = g.node("Add", [x, g.node("Gather", [g.table(16, d), positions], axis=0)])
    else:
        x = g.input("features", rng.normal(0, 1, (1, t, d)).astype(np.float32), [1, "sequence", d])
    attention_mask = None
    if c["mask"] != "none" or c["head"] == "mean":
        attention_mask = g.input("attention_mask", mask_value, ["batch", "sequence"])
    mask = Mask(g, c["mask"], attention_mask)
    if c["embed_norm"]:
        x = norm(g, x, d, c["norm"], c["rms"])
    for _ in range(c["layers"]):
        if c["pre"]:
            x = g.node("Add", [x, attention(g, norm(g, x, d, c["norm"], c["rms"]), d, c, mask)])
            x = g.node("Add", [feed_forward(g, norm(g, x, d, c["norm"], c["rms"]), d, c), x])
        else:
            x = norm(g, g.node("Add", [attention(g, x, d, c, mask), x]), d, c["norm"], c["rms"])
            x = norm(g, g.node("Add", [x, feed_forward(g, x, d, c)]), d, c["norm"], c["rms"])
    if c["pre"]:
        x = norm(g, x, d, c["norm"], c["rms"])
    head = c["head"]
    if head == "pooler":
        first = g.node("Gather", [x, g.const(np.int64(0))], axis=1)
        y = g.node("Tanh", [g.node("Gemm", [first, g.weight(d, d), g.bias(d)])])
        return c, g, [x, y]
    if head == "mean":
        m = g.node("Cast", [g.node("Expand", [g.unsqueeze(attention_mask, -1), g.node("Shape", [x])])], to=1)
        total = g.node("ReduceSum", [g.node("Mul", [x, m]), g.ints(1)], keepdims=0)
        count = g.node("Clip", [g.node("ReduceSum", [m, g.ints(1)], keepdims=0), g.f(1e-9)])
        y = g.node("Div", [total, count])
        if c["opset"] >= 18:
            length = g.node("ReduceL2", [y, g.ints(-1)], keepdims=1)
        else:
            length = g.node("ReduceL2", [y], axes=[-1], keepdims=1)
        return c, g, [g.node("Div", [y, g.node("Max", [length, g.f(1e-12)])])]
    if head == "tokens":
        return c, g, [linear(g, x, d, 5, c["linear"])]
    if head == "answer":
        both = g.node("Split", [linear(g, x, d, 2, c["linear"]), g.ints(1, 1)], 2, axis=-1)
        return c, g, [g.node("Squeeze", [v, g.ints(-1)]) for v in both]
    return c, g, [x]


def coded(model, fmt, names):
    """Weights as int8 behind Cast and Mul, or DequantizeLinear."""
    graph = model.graph
    front = []
    for t in list(graph.initializer):
        if t.name not in names:
            continue
        w = numpy_helper.to_array(t)
        across = None if fmt == "dequantize_tensor" else 0
        scale = (np.abs(w).max(axis=across, keepdims=True) / 127).astype(np.float32)
        q = np.rint(w / scale).astype(np.int8)
        graph.initializer.remove(t)
        graph.initializer.append(numpy_helper.from_array(q, t.name + "_q"))
        if fmt == "cast":
            graph.initializer.append(numpy_helper.from_array(scale, t.name + "_scale"))
            front.append(helper.make_node("Cast", [t.name + "_q"], [t.name + "_f"], to=1))
            front.append(helper.make_node("Mul", [t.name + "_f", t.name + "_scale"], [t.name]))
        else:
            flat = scale.reshape(-1) if across == 0 else scale.reshape(())
            graph.initializer.append(numpy_helper.from_array(flat, t.name + "_scale"))
            front.append(helper.make_node("DequantizeLinear", [t.name + "_q", t.name + "_scale"], [t.name], axis=1))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(front + nodes)


def session(path, level=ort.GraphOptimizationLevel.ORT_DISABLE_ALL, saved=None):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    if saved:
        options.optimized_model_filepath = saved
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def store(folder, s, feeds):
    folder = f"{folder}/test_data_set_0"
    os.makedirs(folder, exist_ok=True)
    for i, (name, value) in enumerate(feeds.items()):
        with open(f"{folder}/input_{i}.pb", "wb") as f:
            f.write(numpy_helper.from_array(value, name).SerializeToString())
    for i, (o, value) in enumerate(zip(s.get_outputs(), s.run(None, feeds))):
        with open(f"{folder}/output_{i}.pb", "wb") as f:
            f.write(numpy_helper.from_array(value, o.name).SerializeToString())


def case(out, seed):
    c, g, outputs = build(seed)
    infos = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
    graph = helper.make_graph(g.nodes, f"encoder{seed}", g.inputs, infos, g.inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", c["opset"]), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    name = f"{seed:04}_{c['kind']}_{c['format']}" + ("_free" if c["free"] else "")
    folder = f"{out}/{name}"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/model.onnx"
    onnx.save(model, path)
    store(folder, session(path), g.feeds)
    fmt = c["format"]
    # Operators of ONNX Runtime's own have no types to quantize_dynamic.
    if c["optimise"] and not fmt.startswith("dynamic"):
        session(path, ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, path + ".opt")
        os.replace(path + ".opt", path)
    if fmt.startswith("dynamic"):
        unsigned = fmt == "dynamic_unsigned"
        quantize_dynamic(path, path + ".q", per_channel=fmt == "dynamic_channel", reduce_range=unsigned,
                         weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
                         extra_options={"DefaultTensorType": TensorProto.FLOAT})
        os.replace(path + ".q", path)
        if c["optimise"]:
            session(path, ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, path + ".opt")
            os.replace(path + ".opt", path)
    elif fmt != "float":
        model = onnx.load(path)
        coded(model, fmt, set(g.weights))
        onnx.save(model, path)
    session(path)
    return name, c


def own(out, path, sizes):
    os.makedirs(out, exist_ok=True)
    target = f"{out}/model.onnx"
    if not os.path.exists(target):
        os.symlink(os.path.abspath(path), target)
    s = session(path)
    rng = np.random.default_rng(7)
    feeds = {}
    for i in s.get_inputs():
        shape = [sizes.get(x, 1) if isinstance(x, str) else x for x in i.shape]
        if "mask" in i.name:
            feeds[i.name] = np.ones(shape, np.int64)
            feeds[i.name][..., shape[-1] * 3 // 4 :] = 0
        elif i.type == "tensor(float)":
            feeds[i.name] = rng.normal(0, 1, shape).astype(np.float32)
        else:
            feeds[i.name] = rng.integers(0, 2 if "type" in i.name else 20000, shape)
    store(out, s, feeds)


if __name__ == "__main__":
    if sys.argv[2].isdigit():
        for seed in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[2])):
            print(*case(sys.argv[1], seed))
    else:
        own(sys.argv[1], sys.argv[2], {n: int(v) for n, v in (a.split("=") for a in sys.argv[3:])})
