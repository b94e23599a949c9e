#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains and writes the language model of the tales (llama2.c's format, 82 K parameters) into sw/workloads/data/tales/.

    scripts/setup.sh --train && .venv-train/bin/python scripts/train_tales.py

Its text is written by the grammar there, always anew, so nothing is learned by heart; the held-out tales come from another
seed and none of them is trained on. The vocabulary is found by byte-pair encoding, merges within words only. numpy, one
thread; everything follows from the seeds.
"""

import argparse
import collections
import ctypes
import json
import os
import pathlib
import random
import re
import struct
import tempfile
import time

# One thread: sums are then made in one order on one machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import tales_model as model
from tales_grammar import Grammar
from tales_model import BOS, Config

CONFIG = Config(dim=64, hidden_dim=128, n_layers=2, n_heads=8, n_kv_heads=4, vocab_size=128, seq_len=128)
GRAMMAR_SEED = 1
HELD_OUT_SEED = 2
HELD_OUT = 120  # tales
TRAIN_SEED = 1
STEPS = 18000
BATCH = 16  # tales
WARM_UP = 200
RATE = 4e-3
WEIGHT_DECAY = 0.05
# glibc's allocator gives back every large array at once, and a fifth of the time goes into fetching the pages again.
if hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
    ctypes.CDLL(None).mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD

SPECIAL = ["<unk>", "\n<s>\n", "\n</s>\n"]


def find_vocabulary(tales, size):
    """Special tokens, merges in the order found, then characters; a word has its leading space."""
    words = collections.Counter(w for tale in tales for w in re.findall(r" ?[A-Za-z]+|[.,]", " " + tale))
    split = {word: list(word) for word in words}
    characters = sorted({c for word in words for c in word})
    merges = []
    while len(SPECIAL) + len(merges) + len(characters) < size:
        pairs = collections.Counter()
        for word, pieces in split.items():
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += words[word]
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(left + right)
        for pieces in split.values():
            i = 0
            while i + 1 < len(pieces):
                if pieces[i] == left and pieces[i + 1] == right:
                    pieces[i : i + 2] = [left + right]
                i += 1
    return SPECIAL + merges + characters


class Encoder:
    """The tokenizer with a memory of words: no merge goes over the border of a word."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.known = {}

    def __call__(self, tale):
        tokens = [BOS]
        for word in (" " + tale).replace(".", "\0.").replace(",", "\0,").replace(" ", "\0 ").split("\0")[1:]:
            if word not in self.known:
                # A leading space is added by the tokenizer; what has none is a single character.
                self.known[word] = (
                    self.tokenizer.encode(word[1:])[1:] if word[0] == " " else [self.tokenizer.ids[word]]
                )
            tokens += self.known[word]
        return tokens + [BOS]


class Parameters:
    """Tensors as views of one vector, so that the optimiser is a few lines."""

    def __init__(self):
        self.shapes = model.shapes(CONFIG)[:-2]
        self.size = sum(int(np.prod(shape)) for _, shape in self.shapes)

    def views(self, vector):
        views, at = {}, 0
        for name, shape in self.shapes:
            count = int(np.prod(shape))
            views[name] = vector[at : at + count].reshape(shape)
            at += count
        return views

    def initial(self, rng):
        vector = np.empty(self.size, np.float32)
        for name, view in self.views(vector).items():
            if name.startswith("rms"):
                view[:] = 1
            else:
                spread = 0.08 if name == "embedding" else view.shape[-1] ** -0.5
                if name in ("wo", "w2"):
                    spread /= (2 * CONFIG.n_layers) ** 0.5
                view[:] = rng.normal(0, spread, view.shape)
        return vector

    def decayed(self):
        mask = np.ones(self.size, np.float32)
        for name, view in self.views(mask).items():
            if name.startswith("rms"):
                view[:] = 0
        return mask


def rms_forward(x, gain):
    scale = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + model.EPSILON)
    return x * scale * gain, scale


def rms_backward(d, x, scale, gain):
    """Gradients of the input and of the gain."""
    normed = x * scale
    d_gain = (d * normed).sum(0)
    d = d * gain
    return scale * (d - normed * (d * normed).mean(-1, keepdims=True)), d_gain


def rotate(x, cos, sin):
    """Turns pairs of `[batch, time, heads, head]`; with -sin it is the inverse, and so the gradient."""
    out = np.empty_like(x)
    cos, sin = cos[:, None], sin[:, None]
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


def loss_and_gradient(w, g, inputs, targets):
    """Mean loss over the targets that are not negative; fills the gradients `g`."""
    c = CONFIG
    batch, time_ = inputs.shape
    head, group = c.dim // c.n_heads, c.n_heads // c.n_kv_heads
    kv = c.n_kv_heads * head
    cos, sin = (part[:time_].astype(w["wq"].dtype) for part in model.rotations(c))
    factor = head**-0.5
    hidden_from = np.triu(np.full((time_, time_), -1e9, w["wq"].dtype), 1)

    def heads_first(x, per):  # [batch, time, kv heads * per, head] to [batch, kv heads, per * time, head]
        x = x.reshape(batch, time_, c.n_kv_heads, per, head).transpose(0, 2, 3, 1, 4)
        return np.ascontiguousarray(x).reshape(batch, c.n_kv_heads, per * time_, head)

    def time_first(x, per):  # and back
        x = x.reshape(batch, c.n_kv_heads, per, time_, head).transpose(0, 3, 1, 2, 4)
        return np.ascontiguousarray(x).reshape(batch, time_, c.n_kv_heads * per, head)

    x = w["embedding"][inputs.ravel()]
    kept = []
    for i in range(c.n_layers):
        wqkv = np.concatenate((w["wq"][i], w["wk"][i], w["wv"][i]))
        w13 = np.concatenate((w["w1"][i], w["w3"][i]))
        a, a_scale = rms_forward(x, w["rms_att"][i])
        qkv = (a @ wqkv.T).reshape(batch, time_, -1)
        q = heads_first(rotate(qkv[..., : c.dim].reshape(batch, time_, -1, head), cos, sin), group)
        k = heads_first(rotate(qkv[..., c.dim : c.dim + kv].reshape(batch, time_, -1, head), cos, sin), 1)
        v = heads_first(qkv[..., c.dim + kv :], 1)
        p = q @ k.transpose(0, 1, 3, 2)
        p *= factor
        by_query = p.reshape(batch, c.n_kv_heads, group, time_, time_)
        by_query += hidden_from
        p -= p.max(-1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(-1, keepdims=True)
        o = p @ v
        mixed = time_first(o, group).reshape(-1, c.dim)
        y = x + mixed @ w["wo"][i].T
        b, b_scale = rms_forward(y, w["rms_ffn"][i])
        both = b @ w13.T
        gate, up = both[:, : c.hidden_dim], both[:, c.hidden_dim :]
        sigma = 1 / (1 + np.exp(-gate))
        silu = gate * sigma
        z = silu * up
        kept.append((x, wqkv, w13, a, a_scale, q, k, v, p, o, mixed, y, b, b_scale, gate, up, sigma, silu, z))
        x = y + z @ w["w2"][i].T
    final, final_scale = rms_forward(x, w["rms_final"])
    logits = final @ w["embedding"].T
    logits -= logits.max(-1, keepdims=True)
    chances = np.exp(logits)
    sums = chances.sum(-1, keepdims=True)
    flat = targets.ravel()
    valid = flat >= 0
    rows = np.nonzero(valid)[0]
    count = len(rows)
    loss = float((np.log(sums[rows, 0]) - logits[rows, flat[rows]]).sum() / count)

    d = chances / sums
    d[rows, flat[rows]] -= 1
    d *= (valid[:, None] / count).astype(d.dtype)
    g["embedding"][:] = d.T @ final
    d, g["rms_final"][:] = rms_backward(d @ w["embedding"], x, final_scale, w["rms_final"])
    for i in reversed(range(c.n_layers)):
        x, wqkv, w13, a, a_scale, q, k, v, p, o, mixed, y, b, b_scale, gate, up, sigma, silu, z = kept[i]
        g["w2"][i] = d.T @ z
        dz = d @ w["w2"][i]
        d_both = np.concatenate((dz * up * (sigma + silu * (1 - sigma)), dz * silu), 1)
        g13 = d_both.T @ b
        g["w1"][i], g["w3"][i] = g13[: c.hidden_dim], g13[c.hidden_dim :]
        more, g["rms_ffn"][i] = rms_backward(d_both @ w13, y, b_scale, w["rms_ffn"][i])
        d = d + more
        g["wo"][i] = d.T @ mixed
        do = heads_first((d @ w["wo"][i]).reshape(batch, time_, -1, head), group)
        dp = do @ v.transpose(0, 1, 3, 2)
        dp -= (do * o).sum(-1, keepdims=True)
        dp *= p
        dp *= factor
        dv = time_first(p.transpose(0, 1, 3, 2) @ do, 1)
        dq = rotate(time_first(dp @ k, group), cos, -sin)
        dk = rotate(time_first(dp.transpose(0, 1, 3, 2) @ q, 1), cos, -sin)
        d_qkv = np.concatenate([part.reshape(batch * time_, -1) for part in (dq, dk, dv)], 1)
        gqkv = d_qkv.T @ a
        g["wq"][i], g["wk"][i], g["wv"][i] = gqkv[: c.dim], gqkv[c.dim : c.dim + kv], gqkv[c.dim + kv :]
        more, g["rms_att"][i] = rms_backward(d_qkv @ wqkv, x, a_scale, w["rms_att"][i])
        d = d + more
    one_hot = np.zeros((len(d), c.vocab_size), d.dtype)
    one_hot[np.arange(len(d)), inputs.ravel()] = 1
    g["embedding"] += one_hot.T @ d
    return loss


def batches(grammar, encode, rng, shuffle, avoid):
    """Inputs and targets without end; tales of like length together, so that little is filled up. The few tales that are
    longer than the context (one in a thousand) are left out."""
    while True:
        pool = []
        while len(pool) < 32 * BATCH:
            tale = grammar.write(rng)[0]
            tokens = encode(tale)
            if len(tokens) <= CONFIG.seq_len + 1 and tale not in avoid:
                pool.append(tokens)
        pool.sort(key=len)
        for start in shuffle.permutation(32) * BATCH:
            part = pool[start : start + BATCH]
            width = max(map(len, part)) - 1
            inputs = np.full((BATCH, width), BOS)
            targets = np.full((BATCH, width), -1)
            for row, tokens in enumerate(part):
                inputs[row, : len(tokens) - 1] = tokens[:-1]
                targets[row, : len(tokens) - 1] = tokens[1:]
            yield inputs, targets


def train(stream, steps, seed, note=lambda step, vector: None):
    """The parameters by AdamW with a cosine learning rate, and the mean loss of the last 100 steps."""
    parameters = Parameters()
    vector = parameters.initial(np.random.default_rng(seed))
    gradient = np.zeros_like(vector)
    w, g = parameters.views(vector), parameters.views(gradient)
    first, second = np.zeros_like(vector), np.zeros_like(vector)
    decayed = parameters.decayed() * WEIGHT_DECAY
    losses = []
    began = time.time()
    for step in range(1, steps + 1):
        losses.append(loss_and_gradient(w, g, *next(stream)))
        norm = float(np.sqrt(gradient @ gradient))
        if norm > 1:
            gradient /= norm
        rate = RATE * min(step / WARM_UP, 0.5 * (1 + np.cos(np.pi * step / steps)))
        first += 0.1 * (gradient - first)
        second += 0.01 * (gradient * gradient - second)
        move = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        vector -= float(rate) * (move + decayed * vector)
        if step % 250 == 0:
            mean = np.mean(losses[-250:])
            print(f"step {step:6}  loss {mean:.4f}  {time.time() - began:6.0f} s", flush=True)
            note(step, w)
    return w, float(np.mean(losses[-100:]))


def write(path, data):
    """Writes under a temporary name and renames, so that no file is ever half there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data.encode() if isinstance(data, str) else data)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def tokenizer_file(vocabulary):
    """llama2.c's: the largest length, then score, length and bytes of each; the earlier a merge, the better its score."""
    parts = [struct.pack("<i", max(len(piece) for piece in vocabulary))]
    for i, piece in enumerate(vocabulary):
        score = 0.0 if i < len(SPECIAL) else float(len(SPECIAL) - i)
        parts.append(struct.pack("<fi", score, len(piece)) + piece.encode())
    return b"".join(parts)


def model_file(w):
    cos, sin = model.rotations(CONFIG)
    tensors = {**w, "freq_cis_real": cos, "freq_cis_imag": sin}
    parts = [struct.pack("<7i", *CONFIG)]
    for name, shape in model.shapes(CONFIG):
        assert tensors[name].shape == shape
        parts.append(np.ascontiguousarray(tensors[name], "<f4").tobytes())
    return b"".join(parts)


def main():
    parser = argparse.ArgumentParser(description="Trains the language model of the tales.")
    parser.add_argument("--out", type=pathlib.Path, default=model.DATA, help="with grammar.json in it")
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()

    grammar = Grammar(args.out / "grammar.json")
    rng = random.Random(HELD_OUT_SEED)
    held_out, nats = zip(*(grammar.write(rng) for _ in range(HELD_OUT)))  # the longest fits the context
    write(args.out / "heldout.txt", "".join(tale + "\n" for tale in held_out))

    rng = random.Random(GRAMMAR_SEED)
    write(args.out / "tokenizer.bin", tokenizer_file(
        find_vocabulary([grammar.write(rng)[0] for _ in range(3000)], CONFIG.vocab_size)
    ))
    tokenizer = model.Tokenizer(args.out / "tokenizer.bin", CONFIG.vocab_size)
    encode = Encoder(tokenizer)
    sequences = [encode(tale) for tale in held_out]
    assert all(tokens == tokenizer.encode(tale) + [BOS] for tokens, tale in zip(sequences, held_out))
    tokens = sum(len(s) - 1 for s in sequences)
    print(f"held out: {tokens} tokens, the longest tale {max(map(len, sequences)) - 1}")

    def held_out_perplexity(w):
        """By the forward pass of training, not by the one of tales_model."""
        total = 0.0
        for s in sequences:
            targets = np.array([s[1:]])
            total += loss_and_gradient(w, {name: np.zeros_like(view) for name, view in w.items()},
                                       np.array([s[:-1]]), targets) * targets.size
        return float(np.exp(total / tokens))

    def note(step, w):
        if step % 1000 == 0:
            print(f"step {step:6}  held-out perplexity {held_out_perplexity(w):.4f}", flush=True)
            write(args.out / "tales.bin", model_file(w))

    stream = batches(grammar, encode, rng, np.random.default_rng(TRAIN_SEED), set(held_out))
    w, loss = train(stream, args.steps, TRAIN_SEED, note)
    write(args.out / "tales.bin", model_file(w))

    report = {
        "parameters": Parameters().size,
        "steps": args.steps,
        "batch": BATCH,
        "grammar_seed": GRAMMAR_SEED,
        "train_seed": TRAIN_SEED,
        "held_out_seed": HELD_OUT_SEED,
        "training_loss": round(loss, 4),
        "perplexity_of_the_grammar": round(float(np.exp(sum(nats) / tokens)), 5),
        "perplexity_in_training": round(held_out_perplexity(w), 5),
        **model.measure(args.out),
    }
    write(args.out / "report.json", json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    if abs(report["perplexity_in_training"] - report["fp32"]["perplexity"]) > 1e-4:
        raise SystemExit("the model read back from the file has another perplexity")
    if min(report["fp32"][how]["tales"] for how in ("temperature_1", "greedy_from_prompts")) < 0.95:
        raise SystemExit("less than 95 % of the tales are accepted")


if __name__ == "__main__":
    main()
