#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the cycles of docs/depthwise.md: two networks on 16x16, each way to do depthwise layers.

Law of time only (max(M, D) * ceil(K/R) * ceil(N/C), D = 1), no drains. `sum`: engine and array one after the
other; `overlap`: the longer of the two, the bound that row-wise overlap approaches.
"""
from math import ceil

R = C = 16


def tiles(pixels, k, n):
    return pixels * ceil(k / R) * ceil(n / C)


# (pixels, channels) of each depthwise layer and array layers as cycles
dscnn_array = tiles(125, 40, 64) + 4 * tiles(125, 64, 64) + tiles(1, 64, 12)
dscnn_dw = [(125, 64)] * 4
mobile_pw = [(48, 8, 16), (24, 16, 32), (24, 32, 32), (12, 32, 64), (12, 64, 64), (6, 64, 128)]
mobile_pw += [(6, 128, 128)] * 5 + [(3, 128, 256), (3, 256, 256)]
mobile_array = 48 * 48 * 3 + sum(tiles(s * s, k, n) for s, k, n in mobile_pw) + tiles(1, 256, 2)
mobile_dw = [(s * s, k) for s, k, _ in mobile_pw]
networks = [("DS-CNN", dscnn_array, dscnn_dw), ("MobileNet", mobile_array, mobile_dw)]


def vectors(dw):
    return sum(pixels * ceil(channels / C) for pixels, channels in dw)


print("| way | multipliers |" + "".join(f" {n}: engine | array | sum | overlap |" for n, *_ in networks))
print("|---|---|" + "---|" * 4 * len(networks))
for way, extra, taps in [("diagonal tile per tap", 0, None), ("transposed FIR in the rows", 0, "fir")] + [
    (f"lane engine, {t} tap{'s' if t > 1 else ''} a lane", t * C, t) for t in (1, 3, 9)
]:
    row = f"| {way} | {extra} |"
    for _, array, dw in networks:
        if taps is None:  # one C-wide tile a tap, on the array itself
            busy = array + 9 * vectors(dw)
            row += f" - | {busy:,} | {busy:,} | {busy:,} |"
        elif taps == "fir":  # a row makes one channel's outputs: R channels at a time, 3 taps of a kernel row a pass
            busy = array + 3 * vectors(dw)
            row += f" - | {busy:,} | {busy:,} | {busy:,} |"
        else:
            engine = vectors(dw) * ceil(9 / taps)
            row += f" {engine:,} | {array:,} | {engine + array:,} | {max(engine, array):,} |"
    print(row)
