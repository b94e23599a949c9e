#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full-integer .tflite, written by TensorFlow's converter, as an ONNX model in FOLDER, with an input and ONNX Runtime's output.

pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"""
import pathlib
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from quantise import reference

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
digits = pathlib.Path(__file__).resolve().parents[2] / "sw/workloads/data/digits"
images = ((np.load(digits / "images.npy").astype(np.float32) + 128) / 240).reshape(-1, 8, 8, 1)
labels = np.load(digits / "labels.npy")

keras.utils.set_random_seed(1)
net = keras.Sequential([keras.Input((8, 8, 1), batch_size=1), layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
                        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.Flatten(), layers.Dense(10)])
net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
net.fit(images[:350], labels[:350], batch_size=1, epochs=5, verbose=0)

converter = tf.lite.TFLiteConverter.from_keras_model(net)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in images[:100])
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
(folder / "model.tflite").write_bytes(converter.convert())

subprocess.run([sys.executable, "-m", "tf2onnx.convert", "--tflite", folder / "model.tflite", "--opset", "13", "--output", folder / "model.onnx"],
               check=True)
scale, zero = tf.lite.Interpreter(str(folder / "model.tflite")).get_input_details()[0]["quantization"]
codes = np.clip(np.round(images / scale) + zero, -128, 127).astype(np.int8)
reference(folder, codes[350:351])
