#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a model and a tokenizer in llama2.c's format, runs them in numpy, token by token, and measures them.

    .venv-train/bin/python scripts/tales_model.py write "One day" [TEMPERATURE [SEED]]   goes on from a beginning
    .venv-train/bin/python scripts/tales_model.py measure                                perplexity and accepted tales

The model file has seven int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len), then float32 tensors,
little endian. A tale is BOS, its tokens, and BOS again: as in llama2.c, a BOS that the model writes ends the text.
"""

import collections
import json
import math
import os
import pathlib
import random
import struct
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from tales_grammar import Grammar

DATA = pathlib.Path(__file__).resolve().parent.parent / "sw/workloads/data/tales"
BOS = 1
EPSILON = np.float32(1e-5)

Config = collections.namedtuple("Config", "dim hidden_dim n_layers n_heads n_kv_heads vocab_size seq_len")


def shapes(c):
    """Name and shape of the tensors in the order of the file; a weight is `[layers, outputs, inputs]`."""
    head = c.dim // c.n_heads
    kv = c.n_kv_heads * head
    return [
        ("embedding", (c.vocab_size, c.dim)),
        ("rms_att", (c.n_layers, c.dim)),
        ("wq", (c.n_layers, c.dim, c.dim)),
        ("wk", (c.n_layers, kv, c.dim)),
        ("wv", (c.n_layers, kv, c.dim)),
        ("wo", (c.n_layers, c.dim, c.dim)),
        ("rms_ffn", (c.n_layers, c.dim)),
        ("w1", (c.n_layers, c.hidden_dim, c.dim)),
        ("w2", (c.n_layers, c.dim, c.hidden_dim)),
        ("w3", (c.n_layers, c.hidden_dim, c.dim)),
        ("rms_final", (c.dim,)),
        ("freq_cis_real", (c.seq_len, head // 2)),
        ("freq_cis_imag", (c.seq_len, head // 2)),
    ]


def rotations(c):
    """Cosine and sine by which the pairs (2i, 2i + 1) of a head are turned at each position."""
    head = c.dim // c.n_heads
    angle = np.outer(np.arange(c.seq_len), 10000.0 ** (-np.arange(0, head, 2) / head))
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def load(path):
    data = pathlib.Path(path).read_bytes()
    config = Config(*struct.unpack_from("<7i", data))
    tensors, at = {}, 28
    for name, shape in shapes(config):
        count = math.prod(shape)
        tensors[name] = np.frombuffer(data, "<f4", count, at).reshape(shape)
        at += 4 * count
    if at != len(data):
        raise SystemExit(f"{path}: {len(data)} bytes, {at} expected")
    return config, tensors


class Tokenizer:
    def __init__(self, path, vocab_size):
        data = pathlib.Path(path).read_bytes()
        self.pieces, self.scores, at = [], [], 4
        for _ in range(vocab_size):
            score, length = struct.unpack_from("<fi", data, at)
            self.pieces.append(data[at + 8 : at + 8 + length].decode())
            self.scores.append(score)
            at += 8 + length
        if at != len(data):
            raise SystemExit(f"{path}: {len(data)} bytes, {at} expected")
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}

    def encode(self, text):
        """BOS, a space and the text: single characters, then always the merge with the best score, the first of several."""
        tokens = [self.ids[character] for character in (" " + text if text else "")]
        while True:
            best = None
            for i in range(len(tokens) - 1):
                merged = self.ids.get(self.pieces[tokens[i]] + self.pieces[tokens[i + 1]])
                if merged is not None and (best is None or self.scores[merged] > best[0]):
                    best = (self.scores[merged], i, merged)
            if best is None:
                return [BOS] + tokens
            tokens[best[1] : best[1] + 2] = [best[2]]

    def decode(self, tokens):
        """The text of tokens behind a BOS."""
        return "".join(self.pieces[t] for t in tokens).removeprefix(" ")


def rms_norm(x, gain):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * gain


class Run:
    """The forward pass of llama2.c for several texts at once; each call gives logits for one more token of each.

    `product(name, layer, x, w)` computes x @ w.T; another one than the plain one stands for quantised hardware.
    """

    def __init__(self, config, tensors, texts, product=None):
        self.c, self.w = config, tensors
        head = config.dim // config.n_heads
        self.keys = np.zeros((config.n_layers, texts, config.seq_len, config.n_kv_heads, head), np.float32)
        self.values = np.zeros_like(self.keys)
        self.product = product or (lambda name, layer, x, w: x @ w.T)
        self.position = 0

    def rotate(self, x):
        cos, sin = (self.w[f"freq_cis_{part}"][self.position] for part in ("real", "imag"))
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape)

    def __call__(self, tokens):
        c, w, at = self.c, self.w, self.position
        head = c.dim // c.n_heads
        x = w["embedding"][tokens]
        for layer in range(c.n_layers):
            def linear(name, x):
                return self.product(name, layer, x, w[name][layer])

            normed = rms_norm(x, w["rms_att"][layer])
            queries = self.rotate(linear("wq", normed).reshape(-1, c.n_heads, head))
            self.keys[layer, :, at] = self.rotate(linear("wk", normed).reshape(-1, c.n_kv_heads, head))
            self.values[layer, :, at] = linear("wv", normed).reshape(-1, c.n_kv_heads, head)
            grouped = queries.reshape(len(x), c.n_kv_heads, -1, head)
            scores = np.einsum("bkgd,btkd->bkgt", grouped, self.keys[layer, :, : at + 1]) / np.float32(math.sqrt(head))
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            mixed = np.einsum("bkgt,btkd->bkgd", scores, self.values[layer, :, : at + 1])
            x = x + linear("wo", mixed.reshape(len(x), c.dim))
            normed = rms_norm(x, w["rms_ffn"][layer])
            gate = linear("w1", normed)
            x = x + linear("w2", gate / (1 + np.exp(-gate)) * linear("w3", normed))
        self.position += 1
        return self.product("classifier", 0, rms_norm(x, w["rms_final"]), w["embedding"])


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def perplexity(config, tensors, sequences, product=None):
    """Over all tokens behind the first BOS of each sequence, the closing BOS among them; and their number."""
    width = max(len(s) for s in sequences)
    padded = np.array([s + [BOS] * (width - len(s)) for s in sequences])
    run = Run(config, tensors, len(sequences), product)
    total = count = 0
    for i in range(width - 1):
        told = log_softmax(run(padded[:, i]))
        for row, s in enumerate(sequences):
            if i + 1 < len(s):
                total -= told[row, s[i + 1]]
                count += 1
    return math.exp(total / count), count


def generate(config, tensors, prompts, temperature, seed, product=None):
    """Goes on from each prompt, a list of tokens, until BOS or the end of the context; tokens without any BOS."""
    rng = np.random.default_rng(seed)
    run = Run(config, tensors, len(prompts), product)
    tokens = [list(p) for p in prompts]
    done = [False] * len(prompts)
    for i in range(config.seq_len):
        logits = run(np.array([t[i] if i < len(t) else BOS for t in tokens]))
        if temperature > 0:
            chances = np.exp(log_softmax(logits / temperature)).cumsum(-1)
            drawn = (chances < rng.random((len(prompts), 1)) * chances[:, -1:]).sum(-1)
        else:
            drawn = logits.argmax(-1)
        for row, text in enumerate(tokens):
            if not done[row] and i + 1 == len(text):
                done[row] = drawn[row] == BOS
                if not done[row]:
                    text.append(int(drawn[row]))
        if all(done):
            break
    return [text[1:] for text in tokens]


def accepted(grammar, texts):
    """Share of the tales that the grammar accepts, and of their sentences; sentences behind the first wrong one are wrong."""
    counts = [grammar.sentences(text) for text in texts]
    tales = sum(grammar.accepts(text) for text in texts)
    return {
        "tales": round(tales / len(texts), 4),
        "sentences": round(sum(good for _, good in counts) / sum(count for count, _ in counts), 4),
    }


def int8_product(config, tensors, sequences):
    """Products with int8 weights, a scale for each output, and int8 inputs, one scale for each product, from these texts."""
    largest = collections.defaultdict(float)

    def watch(name, layer, x, w):
        largest[name, layer] = max(largest[name, layer], float(np.abs(x).max()))
        return x @ w.T

    perplexity(config, tensors, sequences, watch)

    def product(name, layer, x, w):
        w_scale = np.abs(w).max(1, keepdims=True) / 127
        x_scale = largest[name, layer] / 127
        codes = np.clip(np.rint(x / x_scale), -128, 127)
        return (codes @ np.rint(w / w_scale).T * (x_scale * w_scale[:, 0])).astype(np.float32)

    return product


def measure(data, texts=500):
    """Figures of the model in a folder."""
    config, tensors = load(data / "tales.bin")
    tokenizer = Tokenizer(data / "tokenizer.bin", config.vocab_size)
    grammar = Grammar(data / "grammar.json")
    held_out = (data / "heldout.txt").read_text().splitlines()
    sequences = [tokenizer.encode(tale) + [BOS] for tale in held_out]
    # Prompts: the first 4 words of each held-out tale, then the first 10, 16, 22 and 28.
    prompts = [held_out[i % len(held_out)].split()[: 4 + 6 * (i // len(held_out))] for i in range(texts)]
    prompts = [tokenizer.encode(" ".join(words)) for words in prompts]
    from_nothing = [[BOS]] * texts
    rng = random.Random(3)
    ranges = [tokenizer.encode(grammar.write(rng)[0])[: config.seq_len] for _ in range(64)]
    report = {}
    for name, product in (("fp32", None), ("int8", int8_product(config, tensors, ranges))):
        value, count = perplexity(config, tensors, sequences, product)
        report["held_out_tokens"] = count
        report[name] = {"perplexity": round(value, 5)}
        for how, start, temperature in (("temperature_1", from_nothing, 1.0), ("greedy_from_prompts", prompts, 0.0)):
            written = [tokenizer.decode(t) for t in generate(config, tensors, start, temperature, 1, product)]
            report[name][how] = {**accepted(grammar, written), "different": len(set(written))}
    return report


def main():
    if sys.argv[1:] == ["measure"]:
        print(json.dumps(measure(DATA), indent=2))
    elif sys.argv[1:] and sys.argv[1] == "write":
        text, temperature, seed = (sys.argv[2:] + ["", "1", "1"][len(sys.argv) - 2 :])[:3]
        config, tensors = load(DATA / "tales.bin")
        tokenizer = Tokenizer(DATA / "tokenizer.bin", config.vocab_size)
        print(tokenizer.decode(generate(config, tensors, [tokenizer.encode(text)], float(temperature), int(seed))[0]))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
