#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network trained in Keras, as an int8 ONNX model in FOLDER, with an input and ONNX Runtime's output.

pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"""
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers
from quantise import quantise, reference

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
digits = pathlib.Path(__file__).resolve().parents[2] / "sw/workloads/data/digits"
images = ((np.load(digits / "images.npy").astype(np.float32) + 128) / 240).reshape(-1, 8, 8, 1)
labels = np.load(digits / "labels.npy")

keras.utils.set_random_seed(1)
net = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
                        layers.DepthwiseConv2D(3, padding="same", activation="relu"), layers.Conv2D(32, 1, activation="relu"),
                        layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")])
net.compile("adam", "sparse_categorical_crossentropy")
net.fit(images[:350], labels[:350], batch_size=16, epochs=60, verbose=0)

call = tf.function(lambda x: net(x, training=False), input_signature=[tf.TensorSpec((1, 8, 8, 1), tf.float32, name="x")])
tf2onnx.convert.from_function(call, call.input_signature, opset=18, inputs_as_nchw=["x"], output_path=str(folder / "float.onnx"))
nchw = images.transpose(0, 3, 1, 2)
quantise(folder / "float.onnx", nchw[:100], folder)
reference(folder, nchw[350:351])
