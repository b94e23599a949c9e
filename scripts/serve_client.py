# SPDX-License-Identifier: Apache-2.0
"""Asks `systole serve` by Triton's own client: serve_client.py BASE digits|tales.

digits: health, metadata, configuration, statistics; the committed images as binary tensors, as JSON and from several threads; each
answer is compared with the logits of the training script. Deadlines, errors. tales: a text and its stream.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

DATA = Path(__file__).parent.parent / "sw/workloads/data/digits"


def tensors(image, binary):
    x = triton.InferInput("input", [1, 64], "INT8")
    x.set_data_from_numpy(image.reshape(1, 64), binary_data=binary)
    return [x], [triton.InferRequestedOutput("output", binary_data=binary)]


def refused(ask, status, word):
    try:
        ask()
    except InferenceServerException as e:
        assert status in str(e.status()), f"{e.status()} for {status}: {e}"
        assert word in e.message(), f"no '{word}' in: {e}"
        return
    raise AssertionError(f"nothing refused it with {status}")


def digits(url):
    images, logits = np.load(DATA / "images.npy"), np.load(DATA / "expected_logits.npy")
    client = triton.InferenceServerClient(url, concurrency=8)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits", "1")
    assert not client.is_model_ready("other")
    meta = client.get_model_metadata("digits")
    assert meta["inputs"] == [{"name": "input", "datatype": "INT8", "shape": [1, 64]}], meta
    assert client.get_model_config("digits")["max_batch_size"] == 0
    assert client.get_server_metadata()["name"] == "systole"
    assert client.get_model_repository_index()[0]["state"] == "READY"
    times = set()
    for n, (image, want) in enumerate(zip(images, logits)):
        inputs, outputs = tensors(image, binary=n % 3 != 0)
        # A third says nothing of its outputs: the client asks for bytes then.
        answer = client.infer("digits", inputs, outputs=None if n % 3 == 1 else outputs, request_id=str(n))
        assert (answer.as_numpy("output") == want).all(), n
        said = answer.get_response()
        assert said["id"] == str(n), said
        times.add(said["parameters"]["cycles"])
    assert times == {84}, times
    waits = [(n, client.async_infer("digits", *tensors(images[n], True)[:1])) for n in range(64)]
    for n, wait in waits:
        assert (wait.get_result().as_numpy("output") == logits[n]).all(), n
    inputs, outputs = tensors(images[0], True)
    assert client.infer("digits", inputs, timeout=1000).as_numpy("output") is not None
    wrong = triton.InferInput("input", [1, 65], "INT8")
    wrong.set_data_from_numpy(np.zeros((1, 65), np.int8))
    refused(lambda: client.infer("digits", [wrong]), "400", "shape")
    refused(lambda: client.infer("other", inputs), "404", "no model")
    refused(lambda: client.infer("digits", inputs, model_version="7"), "404", "no version")
    refused(lambda: client.infer("digits", inputs, parameters={"deadline_us": 0.5}), "504", "never")
    refused(lambda: client.infer("digits", inputs, request_compression_algorithm="gzip"), "415", "compression")
    stats = client.get_inference_statistics("digits")["model_stats"][0]["inference_stats"]["compute_infer"]
    assert stats["ns"] == 840 * stats["count"], stats
    print(f"digits: {len(images) + 65} answers as the training script has them, each after 84 cycles; 5 refusals")


def tales(url):
    client = triton.InferenceServerClient(url)
    assert client.is_model_ready("tales")
    body = {"text_input": "Once there was", "max_tokens": 30, "temperature": 1.0, "seed": 1}
    # The client has no call for texts: its connection pool does as well.
    post = lambda path: client._post(f"v2/models/tales/{path}", json.dumps(body), {}, None)
    whole = json.loads(post("generate").read())
    events = post("generate_stream").read().decode().strip().split("\n\n")
    pieces = [json.loads(e.removeprefix("data: "))["text_output"] for e in events]
    assert "".join(pieces) == whole["text_output"]
    print(f"tales: {len(pieces)} events: {whole['text_output']!r}")


{"digits": digits, "tales": tales}[sys.argv[2]](sys.argv[1])
