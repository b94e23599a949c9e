#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quantises a float ONNX model for the machine, and stores an input with ONNX Runtime's own output (docs/quantising.md).

pip install onnxruntime==1.32.0 onnx==1.23.2 numpy==2.3.5
"""
import argparse
import pathlib

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

TYPES = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}


class Rows(CalibrationDataReader):
    """Gives the rows of an array one by one, as the model's only input."""

    def __init__(self, model, rows):
        name = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0].name
        self.feeds = iter([{name: rows[i : i + 1]} for i in range(len(rows))])

    def get_next(self):
        return next(self.feeds, None)


def quantise(model, rows, folder, activations="int8", weights="int8", per_channel=True):
    """Writes folder/model.onnx: `model` with constants folded, quantised statically by the ranges that `rows` give."""
    model, prepared = model.resolve(), folder / "prepared.onnx"
    quant_pre_process(model, prepared, skip_symbolic_shape=True)  # the shapes are static, sympy is not needed
    quantize_static(prepared, folder / "model.onnx", Rows(prepared, rows), quant_format=QuantFormat.QDQ, per_channel=per_channel,
                    activation_type=TYPES[activations], weight_type=TYPES[weights])


def reference(folder, x, key="session.qdqisint8allowed"):
    """Writes folder/x.npy and folder/y.npy: what ONNX Runtime's integer kernels make of x."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(key, "1")
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    y = session.run(None, {session.get_inputs()[0].name: x})[0]
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    return y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path, help="float model, ONNX, batch 1")
    parser.add_argument("rows", type=pathlib.Path, help="inputs that show the ranges, .npy; the first dimension counts them")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--activations", choices=TYPES, default="int8")
    parser.add_argument("--weights", choices=TYPES, default="int8")
    parser.add_argument("--per-tensor", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rows = np.load(args.rows)
    quantise(args.model, rows, args.folder, args.activations, args.weights, not args.per_tensor)
    unsigned = args.activations == "uint8"
    reference(args.folder, rows[:1], "session.x64quantprecision" if unsigned else "session.qdqisint8allowed")


if __name__ == "__main__":
    main()
