# SPDX-License-Identifier: Apache-2.0
"""Recommenders by ONNX Runtime's own quantiser: scripts/ort_recommenders.py FOLDER FIRST LAST. For each seed FIRST .. LAST - 1 nine
networks with random sizes and weights (factorisation machines, a row and its bias, wide and deep, parts of the indices, batches, bags)
in three formats, as test cases with three inputs each: systole conformance FOLDER. Needs onnx and onnxruntime."""
import logging
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

ROWS = 40
FORMATS = (
    ("qdq_int8", QuantFormat.QDQ, QuantType.QInt8),
    ("qdq_uint8", QuantFormat.QDQ, QuantType.QUInt8),
    ("qoperator", QuantFormat.QOperator, QuantType.QUInt8),
)


class Samples(CalibrationDataReader):
    def __init__(self, samples):
        self.samples = iter(samples)

    def get_next(self):
        return next(self.samples, None)


class Net:
    """A float32 network made node by node."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants, self.inputs, self.count = [], [], [], 0

    def constant(self, value, name=None):
        self.count += 1
        value = np.asarray(value)
        self.constants.append(numpy_helper.from_array(value.astype(np.float32) if value.dtype == np.float64 else value, name or f"c{self.count}"))
        return self.constants[-1].name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def nodes_of(self, kind, inputs, outputs, **attributes):
        self.count += 1
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"{kind}_{self.count}", **attributes))
        return names

    def node(self, kind, inputs, **attributes):
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def indices(self, name, *shape):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, shape))
        return name

    def rows(self, name, width, by):
        return self.node("Gather", [self.constant(self.rng.normal(size=(ROWS, width)) * 0.5, name), by])

    def flat(self, x, *shape):
        return self.node("Reshape", [x, self.ints(*shape)])

    def dense(self, x, inputs, outputs, relu=False):
        weights = self.constant(self.rng.normal(size=(inputs, outputs)) / np.sqrt(inputs))
        made = self.node("Gemm", [x, weights, self.constant(self.rng.normal(size=outputs) * 0.1)])
        return self.node("Relu", [made]) if relu else made

    def joined(self, parts):
        return self.node("Concat", parts, axis=1)

    def feed(self):
        def one(info):
            shape = [d.dim_value for d in info.type.tensor_type.shape.dim]
            if info.type.tensor_type.elem_type == TensorProto.INT64:
                return self.rng.integers(-ROWS, ROWS, size=shape).astype(np.int64)
            return self.rng.normal(size=shape).astype(np.float32)

        return {info.name: one(info) for info in self.inputs}


def factorisation_by_column(n):
    fields, width = int(n.rng.integers(2, 4)), int(n.rng.choice([4, 8, 12]))
    ids, rows, biases = n.indices("ids", 1, fields), [], []
    for f in range(fields):
        by = n.node("Gather", [ids, n.ints(f)], axis=1)
        rows.append(n.flat(n.rows(f"row{f}", width, by), 1, width))
        biases.append(n.flat(n.rows(f"bias{f}", 1, by), 1, 1))
    deep = n.dense(n.dense(n.joined(rows), fields * width, 16, True), 16, 1)
    return n.node("Add", [deep, n.dense(n.joined(biases), fields, 1)])


def factorisation_by_one_table(n):
    fields, width = int(n.rng.integers(2, 4)), int(n.rng.choice([4, 8]))
    ids = n.indices("ids", 1, fields)
    rows = n.flat(n.rows("row", width, ids), 1, fields * width)
    biases = n.flat(n.rows("bias", 1, ids), 1, fields)
    deep = n.dense(n.dense(rows, fields * width, 16, True), 16, 1)
    return n.node("Add", [deep, n.dense(biases, fields, 1)])


def user_and_item(n):
    width = int(n.rng.choice([8, 16]))
    sides = [n.indices(name, 1) for name in ("user", "item")]
    rows = n.node("Mul", [n.rows(f"{side}_row", width, side) for side in sides])
    biases = n.node("Add", [n.rows(f"{side}_bias", 1, side) for side in sides])
    return n.node("Add", [n.dense(rows, width, 1), biases])


def wide_and_deep(n):
    by, numbers = n.indices("id", 1), "numbers"
    n.inputs.append(helper.make_tensor_value_info(numbers, TensorProto.FLOAT, [1, 6]))
    wide, width = int(n.rng.choice([1, 3, 5])), int(n.rng.choice([8, 20]))
    direct = n.rows("wide", wide, by)
    deep = n.dense(n.joined([n.rows("deep", width, by), numbers]), width + 6, 12, True)
    return n.dense(n.joined([deep, direct]), 12 + wide, 4)


def split(n):
    parts = n.nodes_of("Split", [n.indices("ids", 1, 3), n.ints(1, 1, 1)], 3, axis=1)
    rows = [n.node("Flatten", [n.rows(f"t{i}", width, by)]) for i, (by, width) in enumerate(zip(parts, (4, 8, 4)))]
    return n.dense(n.dense(n.joined(rows), 16, 8, True), 8, 2)


def slices(n):
    ids, rows = n.indices("ids", 1, 4), []
    for i, (first, last, width) in enumerate(((0, 1, 4), (1, 3, 6), (3, 4, 4))):
        by = n.node("Slice", [ids, n.ints(first), n.ints(last), n.ints(1)])
        rows.append(n.flat(n.rows(f"t{i}", width, by), 1, width * (last - first)))
    return n.dense(n.joined(rows), 20, 3)


def one_row_in_three_places(n):
    by = n.indices("id", 1)
    row, other = n.rows("a", 8, by), n.rows("b", 8, by)
    return n.dense(n.joined([n.dense(row, 8, 8, True), row, n.node("Mul", [row, other])]), 24, 3)


def batch(n):
    ids, rows = n.indices("ids", 4, 2), []
    for f, width in enumerate((6, 4)):
        by = n.node("Gather", [ids, n.constant(np.int64(f))], axis=1)
        rows += [n.rows(f"row{f}", width, by), n.rows(f"bias{f}", 2, by)]
    return n.dense(n.joined(rows), 14, 3)


def bags(n):
    ids = n.indices("ids", 1, 5)
    means = [n.node("ReduceMean", [n.rows(name, width, ids)], axes=[1], keepdims=0) for name, width in (("row", 8), ("bias", 2))]
    return n.dense(n.joined(means), 10, 3)


KINDS = (factorisation_by_column, factorisation_by_one_table, user_and_item, wide_and_deep, split, slices, one_row_in_three_places, batch, bags)


def case(folder, name, net, model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for n in range(3):
        data = folder / name / f"test_data_set_{n}"
        data.mkdir(parents=True)
        feed = net.feed()
        for kind, values in (("input", feed.items()), ("output", [("y", session.run(None, feed)[0])])):
            for i, (tensor, value) in enumerate(values):
                (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(value, tensor).SerializeToString())
    onnx.save(model, folder / name / "model.onnx")


def main():
    logging.disable(logging.WARNING)
    folder, seeds = pathlib.Path(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3]))
    for seed in seeds:
        for kind in KINDS:
            net = Net(seed)
            net.nodes.append(helper.make_node("Identity", [kind(net)], ["y"]))
            shape = [4, 3] if kind is batch else None
            outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)]
            graph = helper.make_graph(net.nodes, kind.__name__, net.inputs, outputs, net.constants)
            model = onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8))
            for name, layout, codes in FORMATS:
                with tempfile.TemporaryDirectory() as work:
                    work = pathlib.Path(work)
                    onnx.save(model, work / "float.onnx")
                    settings = dict(quant_format=layout, activation_type=codes, weight_type=QuantType.QInt8, per_channel=seed % 2 == 1)
                    quantize_static(work / "float.onnx", work / "q.onnx", Samples([net.feed() for _ in range(12)]), **settings)
                    case(folder, f"{kind.__name__}_{name}_{seed}", net, onnx.load(work / "q.onnx"))
    print(f"{len(list(folder.iterdir()))} cases by ONNX Runtime {onnxruntime.__version__} in {folder}")


if __name__ == "__main__":
    main()
