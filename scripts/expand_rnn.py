#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes GRU and LSTM nodes of an ONNX model as quantised operators, which systole and ONNX Runtime run code for code.

    python3 scripts/expand_rnn.py model.onnx expanded.onnx                    # the input comes from DequantizeLinear
    python3 scripts/expand_rnn.py model.onnx expanded.onnx --calibrate X.npy  # or it is the graph's float32 input

One layer, forward, reverse or both, batch 1, unrolled over time; linear_before_reset 0 and 1; ONNX's own activations, no peepholes, no
sequence lengths, no clip, no input_forget. int8 all through, each tensor between QuantizeLinear and DequantizeLinear:

- what the input gives to the gates is one product for all steps, what the state gives one for each step; weights int8, a scale for each
  row of a gate, biases int32 in a step of the sums;
- sums before sigmoid and tanh have the range that the calibration inputs give them, or -8 to 8;
- sigmoid has the scale 1/256 and zero point -128, tanh and a GRU's state 1/128 and 0, an LSTM's cell that of its calibrated range, or 1/32.

Printed is how far the expansion is from the float32 operator, on the calibration inputs or on random ones.
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STATE, GATE = (1 / 128, 0), (1 / 256, -128)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


class Weights:
    """One direction: W [gates, H, I], R [gates, H, H], and the biases of both [gates, H], in ONNX's order of gates."""

    def __init__(self, kind, w, r, b, direction):
        self.gates = 3 if kind == "GRU" else 4
        hidden = r.shape[-1]
        self.w = w[direction].reshape(self.gates, hidden, -1).astype(np.float64)
        self.r = r[direction].reshape(self.gates, hidden, hidden).astype(np.float64)
        b = np.zeros(2 * self.gates * hidden) if b is None else b[direction]
        self.wb, self.rb = b.astype(np.float64).reshape(2, self.gates, hidden)


def steps(kind, weights, x, before):
    """The operator in float64 over x [T, I]: its states [T, H], and the largest magnitudes on the way by name."""
    most = {}

    def seen(name, value):
        most[name] = max(most.get(name, 0.0), float(np.abs(value).max()))
        return value

    h = c = np.zeros(weights.r.shape[-1])
    states = []
    for row in x:
        xp = seen("input", weights.w @ row + weights.wb)
        hp = seen("state", weights.r @ h + weights.rb)
        if kind == "GRU":
            z, r = (sigmoid(seen("sum", xp[i] + hp[i])) for i in (0, 1))
            part = r * hp[2] if before else weights.r[2] @ (r * h) + weights.rb[2]
            h = (1 - z) * np.tanh(seen("sum", xp[2] + seen("part", part))) + z * h
        else:
            i, o, f, g = seen("sum", xp + hp)
            c = seen("cell", sigmoid(f) * c + sigmoid(i) * np.tanh(g))
            h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states), most


class Writer:
    """Nodes and constants; a quantised tensor is (name of its codes, scale, zero point)."""

    def __init__(self, prefix):
        self.prefix, self.nodes, self.constants, self.count = prefix, [], [], 0
        self.scales = {}

    def constant(self, value):
        value = np.asarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.scales:
            self.scales[key] = f"{self.prefix}/c{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(value, self.scales[key]))
        return self.scales[key]

    def node(self, kind, inputs, **attributes):
        self.count += 1
        out = f"{self.prefix}/{kind}{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def real(self, tensor):
        name, scale, zero = tensor
        return self.node("DequantizeLinear", [name, self.constant(np.float32(scale)), self.constant(np.int8(zero))])

    def codes(self, real, scale, zero):
        name = self.node("QuantizeLinear", [real, self.constant(np.float32(scale)), self.constant(np.int8(zero))])
        return name, scale, zero

    def product(self, x, matrix, bias, y):
        """x [M, K] by the float matrix [N, K], a scale for each row; the bias as int32."""
        scales = (np.maximum(np.abs(matrix).max(axis=1), 1e-8) / 127).astype(np.float32)
        ints = np.clip(np.rint(matrix / scales[:, None]), -127, 127).astype(np.int8)
        zeros = self.constant(np.zeros(len(scales), np.int8))
        w = self.node("DequantizeLinear", [self.constant(np.ascontiguousarray(ints)), self.constant(scales), zeros], axis=0)
        both = (np.float32(x[1]) * scales).astype(np.float32)
        whole = self.constant(np.clip(np.rint(bias / both), -(2**30), 2**30).astype(np.int32))
        b = self.node("DequantizeLinear", [whole, self.constant(both)], axis=0)
        return self.codes(self.node("Gemm", [self.real(x), w, b], transB=1), *y)

    def part(self, x, axis, begin, end):
        ends = [self.constant(np.array([v], np.int64)) for v in (begin, end, axis)]
        return self.node("Slice", [x[0], *ends]), x[1], x[2]

    def binary(self, kind, a, b, y):
        return self.codes(self.node(kind, [self.real(a), self.real(b)]), *y)

    def function(self, kind, x, y):
        return self.codes(self.node(kind, [self.real(x)]), *y)


def direction(out, kind, weights, x, length, before, most, reverse):
    """One direction over x [T, I]: the states of its steps, each [1, H]."""
    hidden = weights.r.shape[-1]
    scale = lambda name, default: (most.get(name, default) * 1.0001 / 127, 0)
    at_input, at_state, at_sum = scale("input", 8.0), scale("state", 8.0), scale("sum", 8.0)
    at_cell = scale("cell", 4.0)
    flat = lambda m: m.reshape(weights.gates * hidden, -1)
    all_steps = out.product(x, flat(weights.w), weights.wb.ravel(), at_input)
    zero = out.constant(np.zeros((1, hidden), np.int8))
    h, c, states = None, None, [None] * length
    gate = lambda t, i, n=1: out.part(t, 1, i * hidden, (i + n) * hidden)
    for t in range(length - 1, -1, -1) if reverse else range(length):
        xp = out.part(all_steps, 0, t, t + 1)
        if h is None:
            # The state before the first step is 0: products of it are their biases.
            value = np.clip(np.rint(weights.rb.ravel() / at_state[0]), -128, 127).astype(np.int8)[None]
            added = lambda i, n: out.node("Add", [out.real(gate(xp, i, n)), out.real((out.constant(value[:, i * hidden:(i + n) * hidden]), *at_state))])
        else:
            hp = out.product(h, flat(weights.r), weights.rb.ravel(), at_state)
            added = lambda i, n: out.node("Add", [out.real(gate(xp, i, n)), out.real(gate(hp, i, n))])
        if kind == "GRU":
            sums = out.codes(added(0, 2), *at_sum)
            gates = out.function("Sigmoid", sums, GATE)
            z, r = gate(gates, 0), gate(gates, 1)
            if h is None:
                part = (out.constant(value[:, 2 * hidden:]), *at_state)
                part = out.binary("Mul", r, part, at_state) if before else part
            elif before:
                part = out.binary("Mul", r, gate(hp, 2), at_state)
            else:
                part = out.product(out.binary("Mul", r, h, STATE), weights.r[2], weights.rb[2], at_state)
            fresh = out.function("Tanh", out.binary("Add", gate(xp, 2), part, at_sum), STATE)
            # 1 - sigmoid(v) is sigmoid(-v).
            turned = out.node("Neg", [out.real(gate(sums, 0))])
            kept = out.codes(out.node("Sigmoid", [turned]), *GATE)
            new = out.binary("Mul", fresh, kept, STATE)
            h = new if h is None else out.binary("Add", new, out.binary("Mul", h, z, STATE), STATE)
        else:
            sums = out.codes(added(0, 4), *at_sum)
            gates = out.function("Sigmoid", gate(sums, 0, 3), GATE)
            new = out.binary("Mul", out.function("Tanh", gate(sums, 3), STATE), gate(gates, 0), at_cell)
            c = new if c is None else out.binary("Add", out.binary("Mul", c, gate(gates, 2), at_cell), new, at_cell)
            h = out.binary("Mul", out.function("Tanh", c, STATE), gate(gates, 1), STATE)
        states[t] = h
    return states, c, at_cell, zero


def expand(model, calibration=None):
    """The model with its GRU and LSTM nodes written out; a line of text for each."""
    graph = model.graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    constants.update({n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"})
    made = {n.output[i]: n for n in graph.node for i in range(len(n.output))}
    readers = lambda name: [n for n in graph.node if name in n.input] + [o for o in graph.output if o.name == name]
    text, nodes, dropped = [], [], set()
    for node in graph.node:
        if node.op_type not in ("GRU", "LSTM"):
            nodes.append(node)
            continue
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        name = node.name or node.output[0]
        known = lambda i: constants.get(node.input[i]) if len(node.input) > i and node.input[i] else None
        refuse = lambda why: SystemExit(f"{name} ({node.op_type}): {why}")
        w, r, b = (known(i) for i in (1, 2, 3))
        if w is None or r is None:
            raise refuse("its weights are no float32 initialisers")
        if len(node.input) > 4 and node.input[4]:
            raise refuse("sequence lengths")
        if len(node.input) > 7 and node.input[7] or given.get("clip") or given.get("layout", 0) or given.get("activations") or given.get("input_forget"):
            raise refuse("peepholes, clip, layout, input_forget or activations of its own")
        for i in (5, 6):
            if len(node.input) > i and node.input[i] and (known(i) is None or np.any(known(i))):
                raise refuse("a state before the first step that is not 0")
        # The input: [T, 1, I] of codes with a scale, perhaps behind a Transpose; or float32, quantised here.
        before_it = made.get(node.input[0])
        shape = shape_of(model, node.input[0])
        if shape is None or len(shape) != 3 or shape[1] != 1 or not all(isinstance(d, int) for d in shape):
            raise refuse(f"input of shape {shape}: [steps, 1, inputs] is read")
        length, width = shape[0], shape[2]
        out = Writer(name)
        if before_it is not None and before_it.op_type == "DequantizeLinear":
            scale, zero = (constants[before_it.input[i]] for i in (1, 2))
            if zero.dtype != np.int8:
                raise refuse("its input is not int8: quantise activations as QInt8")
            tensor = (before_it.input[0], float(scale), int(zero))
            data = (np.random.default_rng(1).integers(-128, 128, (16, length, width)) - float(zero)) * float(scale)
        elif calibration is not None:
            if calibration.size == 0 or calibration.size % (length * width) or not np.all(np.isfinite(calibration)):
                raise refuse(f"--calibrate: an array of shape {calibration.shape}; rows of {length} steps of {width} finite numbers are read")
            data = calibration.reshape(-1, length, width).astype(np.float64)
            low, high = min(data.min(), 0.0), max(data.max(), 0.0)
            if low == high:
                raise refuse("--calibrate: every number is 0, which says nothing of the range")
            scale = (high - low) / 255
            tensor = out.codes(node.input[0], scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))
        else:
            raise refuse("its input has no scale: quantise it, or give --calibrate X.npy")
        flat = (out.node("Reshape", [tensor[0], out.constant(np.array([length, width], np.int64))]), *tensor[1:])
        way = given.get("direction", b"forward").decode()
        ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[way]
        before = bool(given.get("linear_before_reset", 0))
        all_states, ends, cells = [], [], []
        # Both directions have one range, so that they share tables.
        most = {}
        for d, reverse in enumerate(ways):
            for x in data[:32]:
                _, here = steps(node.op_type, Weights(node.op_type, w, r, b, d), x[::-1] if reverse else x, before)
                most.update({k: max(v, most.get(k, 0.0)) for k, v in here.items()})
        most["state"] = max(most.get("state", 0.0), most.get("part", 0.0))
        for d, reverse in enumerate(ways):
            weights = Weights(node.op_type, w, r, b, d)
            states, cell, at_cell, _ = direction(out, node.op_type, weights, flat, length, before, most, reverse)
            all_states.append(states)
            ends.append(states[0 if reverse else -1])
            cells.append((cell, at_cell))
        hidden = r.shape[-1]
        shaped = lambda t, shape: out.node("Reshape", [out.real(t), out.constant(np.array(shape, np.int64))])
        outputs = list(node.output) + [""] * 3
        if outputs[0]:
            last = last_only(readers, outputs[0], constants)
            if last is not None and len(ways) == 1:
                chain, result = last
                dropped.update(id(n) for n in chain)
                rename(out, shaped(all_states[0][-1], [1, hidden]), result)
            else:
                rows = [out.node("Concat", [s[0] for s in states], axis=0) if length > 1 else states[0][0] for states in all_states]
                rows = [(row, *STATE) for row in rows]
                side = (out.node("Concat", [t[0] for t in rows], axis=1), *STATE) if len(rows) > 1 else rows[0]
                if len(ways) > 1 and readers(outputs[0]):
                    turned = out.node("Reshape", [out.real(side), out.constant(np.array([length, 1, len(ways), hidden], np.int64))])
                    rename(out, out.node("Transpose", [turned], perm=[0, 2, 1, 3]), outputs[0])
                elif readers(outputs[0]):
                    rename(out, shaped(side, [length, 1, 1, hidden]), outputs[0])
        if outputs[1] and readers(outputs[1]):
            parts = [e[0] for e in ends]
            end = (out.node("Concat", parts, axis=0), *STATE) if len(parts) > 1 else ends[0]
            rename(out, shaped(end, [len(ways), 1, hidden]), outputs[1])
        if outputs[2] and readers(outputs[2]):
            if len(ways) > 1:
                raise refuse("the cells of both directions as an output")
            rename(out, shaped((cells[0][0][0], *cells[0][1]), [1, 1, hidden]), outputs[2])
        nodes += out.nodes
        graph.initializer.extend(out.constants)
        text.append(f"{name} ({node.op_type}, {way}): {length} steps of {hidden}, {len(out.nodes)} nodes")
    nodes = [n for n in nodes if id(n) not in dropped]
    del graph.node[:]
    graph.node.extend(alive(nodes, [o.name for o in graph.output]))
    used = {i for n in graph.node for i in n.input}
    kept = [t for t in graph.initializer if t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    return text


def rename(out, made, name):
    """Gives the last node's result the name that others read."""
    for node in out.nodes:
        for i, o in enumerate(node.output):
            if o == made:
                node.output[i] = name


def last_only(readers, name, constants):
    """The nodes behind Y where they take the last step alone (Squeeze, Gather of -1), and the name of their result [1, H]."""
    squeeze = readers(name)
    if len(squeeze) != 1 or getattr(squeeze[0], "op_type", "") != "Squeeze":
        return None
    axes = constants.get(squeeze[0].input[1]) if len(squeeze[0].input) > 1 else None
    gather = readers(squeeze[0].output[0])
    if axes is None or list(axes) != [1] or len(gather) != 1 or getattr(gather[0], "op_type", "") != "Gather":
        return None
    index = constants.get(gather[0].input[1])
    if index is None or index.shape != () or int(index) != -1:
        return None
    return [squeeze[0], gather[0]], gather[0].output[0]


def alive(nodes, outputs):
    """Nodes that lead to an output, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if any(o in wanted for o in node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def shape_of(model, name):
    inferred = onnx.shape_inference.infer_shapes(model).graph
    for info in [*inferred.value_info, *inferred.input, *inferred.output]:
        if info.name == name and info.type.tensor_type.HasField("shape"):
            return [d.dim_value or d.dim_param for d in info.type.tensor_type.shape.dim]
    return None


def run(model, feeds):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("output")
    parser.add_argument("--calibrate", metavar="X.npy", help="inputs of the model, as rows")
    args = parser.parse_args()
    model = onnx.load(args.model)
    before = onnx.load(args.model)
    calibration = np.load(args.calibrate) if args.calibrate else None
    lines = expand(model, calibration)
    if not lines:
        raise SystemExit(f"{args.model}: there is no GRU and no LSTM in it; nothing is written")
    print("\n".join(lines))
    onnx.save(model, args.output)
    info = before.graph.input[0]
    shape = [d.dim_value for d in info.type.tensor_type.shape.dim]
    kind = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
    if calibration is not None:
        inputs = calibration.reshape(-1, *shape).astype(kind)[:64]
    else:
        rng = np.random.default_rng(2)
        inputs = [(rng.integers(-128, 128, shape) if kind == np.int8 else rng.standard_normal(shape)).astype(kind) for _ in range(64)]
    pairs = [(run(before, {info.name: x}).astype(np.float64), run(model, {info.name: x}).astype(np.float64)) for x in inputs]
    away = np.array([np.abs(a - b).max() for a, b in pairs])
    spread = max(float(np.abs(a).max()) for a, _ in pairs)
    print(f"from the float32 operator on {len(pairs)} inputs: {away.max():.4g} at most, {away.mean():.4g} at the mean of outputs up to {spread:.4g}")


if __name__ == "__main__":
    main()
