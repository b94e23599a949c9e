#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cosine of a sentence encoder on the machine to ONNX Runtime's run of the same file (docs/encoders.md, "Accuracy").

    ort_minilm.py MODEL.onnx [SYSTOLE]     MODEL takes input_ids, attention_mask and token_type_ids

Sixteen sequences of random ids, of 4 to 32 tokens that count among 8 to 32; SYSTOLE is target/release/systole. Needs numpy
and onnxruntime.
"""
import json
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime as ort

LENGTHS = [32, 32, 16, 32, 24, 32, 8, 32, 32, 16, 32, 32, 30, 32, 32, 12]


def cosine(a, b):
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def main(model, systole="target/release/systole"):
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(5)
    sentences, tokens = [], []
    with tempfile.TemporaryDirectory() as folder:
        for k, t in enumerate(LENGTHS):
            real = t if k % 2 == 0 else int(rng.integers(4, t + 1))
            ids = rng.integers(1000, 30000, (1, t))
            ids[0, 0], ids[0, real - 1] = 101, 102
            ids[0, real:] = 0
            mask = (np.arange(t) < real).astype(np.int64)[None]
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros((1, t), np.int64)}
            want = session.run(None, feeds)[0]
            command = [systole, "run", model, "--backend", "model", "--json", "--output", f"{folder}/got.npy"]
            for i in session.get_inputs():
                np.save(f"{folder}/{i.name}.npy", feeds[i.name])
                command += ["--input", f"{folder}/{i.name}.npy"]
            report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            assert report["mismatches"] == 0 and report["cycles_predicted"] == report["cycles_measured"]
            a, b = want[0, :real], np.load(f"{folder}/got.npy")[0, :real]
            sentences.append(cosine(a.mean(0), b.mean(0)))
            tokens += [cosine(x, y) for x, y in zip(a, b)]
            print(f"{real:3} of {t:3} tokens: sentence {sentences[-1]:.5f}, {sum(report['cycles_measured'])} cycles")
    print(f"sentence: mean {np.mean(sentences):.4f}, least {min(sentences):.4f}")
    print(f"token:    mean {np.mean(tokens):.4f}, least {min(tokens):.4f}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
