# SPDX-License-Identifier: Apache-2.0
"""GRU and LSTM as scripts/expand_rnn.py writes them out, for scripts/ort_rules.py: weights and scales that a seed draws."""
import numpy as np
from onnx import helper

from expand_rnn import expand
from ort_maps import Maps

CASES = (
    ("gru_before", "GRU", dict(linear_before_reset=1)),
    ("gru_after", "GRU", dict(linear_before_reset=0)),
    ("gru_reverse", "GRU", dict(linear_before_reset=1, direction="reverse")),
    ("lstm", "LSTM", {}),
    ("lstm_both", "LSTM", dict(direction="bidirectional")),
)


class Expanded:
    """A case whose model is another one's, expanded."""

    def __init__(self, g):
        self.unsigned, self.inputs, self.others, self.made = g.unsigned, g.inputs, g.others, g.model()
        expand(self.made)

    def model(self):
        return self.made


def recurrent(graph, seed):
    m = Maps(graph, seed, False, 1_700_000)
    for name, kind, attributes in CASES:
        length, width, hidden, ways = 5, 6, 7, 2 if name.endswith("both") else 1
        g = m.new([length, 1, width])
        gates = 3 if kind == "GRU" else 4
        draw = lambda *shape: g.constant(g.rng.uniform(-0.8, 0.8, shape).astype(np.float32))
        weights = [draw(ways, gates * hidden, width), draw(ways, gates * hidden, hidden), draw(ways, 2 * gates * hidden)]
        x = g.real("x", float(np.float32(g.rng.uniform(0.005, 0.02))), int(g.rng.integers(-30, 30)))
        # The state after the last step.
        g.nodes.append(helper.make_node(kind, [x, *weights], ["", "h"], name=kind, hidden_size=hidden, **attributes))
        flat = g.node("Reshape", ["h", g.constant(np.array([1, ways * hidden], np.int64))])
        g.quantize(flat, 1 / 128, 0)
        yield f"recurrent_{name}_{m.name}", Expanded(g)
