#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network trained in PyTorch, as an int8 ONNX model in FOLDER, with an input and ONNX Runtime's output.

pip install torch==2.11.0 onnxscript==0.7.2 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.3.5
"""
import pathlib
import sys

import numpy as np
import torch
from quantise import quantise, reference
from torch import nn

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
digits = pathlib.Path(__file__).resolve().parents[2] / "sw/workloads/data/digits"
images = ((np.load(digits / "images.npy").astype(np.float32) + 128) / 240).reshape(-1, 1, 8, 8)
labels = torch.from_numpy(np.load(digits / "labels.npy").astype(np.int64))

torch.manual_seed(1)
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(60):
    optimiser.zero_grad()
    nn.functional.cross_entropy(net(torch.from_numpy(images[:350])), labels[:350]).backward()
    optimiser.step()
net.eval()

example = torch.zeros(1, 1, 8, 8)  # its shape is the model's: batch 1, no dynamic dimensions
torch.onnx.export(net, (example,), folder / "float.onnx", input_names=["x"], output_names=["y"], opset_version=18, dynamo=True, external_data=False)
quantise(folder / "float.onnx", images[:100], folder)
reference(folder, images[350:351])
