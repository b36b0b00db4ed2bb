"""What the programs of all frameworks share: reading a step from its file, and answering requests.

A request is a line of JSON on standard input, {"file": …, "variant": …, "steps": …}, and so is the answer: milliseconds, losses and
gradient norms of these steps. The first request for a file and variant prepares the step; the next ones continue its training.
"""

import json
import math
import struct
import sys
import time

import numpy as np

TYPES = {"F32": np.float32, "I32": np.int32}


class Workload:
    """`spec`, `parameters` and `batch` (arrays by name) of a step; bench/peers/workloads.ts writes the file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            content = file.read()
        (length,) = struct.unpack_from("<Q", content)
        header = json.loads(content[8 : 8 + length])
        self.spec = json.loads(header.pop("__metadata__")["spec"])
        self.parameters, self.batch = {}, {}
        for name, entry in header.items():
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            array = np.frombuffer(content[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
            where, key = name.split("/", 1)
            getattr(self, where)[key] = array
        self.rates = self.spec["parameters"]
        self._use_indices()

    def _use_indices(self):
        """Replaces one-hot choices by what a gather reads: ONNX graphs multiply by them instead."""
        batch = self.batch
        if "selection" in batch:
            # The segment of all contexts that fills each slot; the last one is the empty segment.
            passages, _, _, columns = batch["selection"].shape
            chosen = batch.pop("selection").argmax(-1)
            offset = (np.arange(passages) * (columns - 1)).reshape(-1, 1, 1)
            slots = np.where(chosen == columns - 1, passages * (columns - 1), chosen + offset)
            batch["slots"] = slots.reshape(-1, slots.shape[-1])
            segments = batch["segments"].reshape(-1, *batch["segments"].shape[2:])
            batch["segments"] = np.concatenate([segments, np.zeros_like(segments[:1])])
        if "rebuiltAt" in batch:
            # The rows of Z that are decoded.
            histories, _, queries = batch["rebuiltAt"].shape
            chosen = batch["rebuiltAt"].argmax(-1) + np.arange(histories)[:, None] * queries
            batch["rebuiltAt"] = chosen.reshape(-1)

    def fuse(self, name, parts):
        """Joins weights that multiply the same input: `name.q.weight`, … [D, K] each become `name.qkv.weight` [D, 3 K]."""
        keys = [f"{name}.{part}.weight" for part in parts]
        fused = f"{name}.{''.join(parts)}.weight"
        self.parameters[fused] = np.concatenate([self.parameters.pop(key) for key in keys], 1)
        self.rates[fused] = self.rates[keys[0]]

    def fuse_attention(self):
        """Joins queries, keys and values of self-attention, and keys and values of cross-attention."""
        names = {key.rsplit(".", 2)[0] for key in self.parameters if key.endswith(".k.weight")}
        for name in sorted(names):
            self.fuse(name, "qkv" if name.endswith(".self") else "kv")

    def learning_rate(self, step):
        """Warm-up, then a cosine; steps count from 1."""
        options = self.spec["optimizer"]
        warmup, total, final = options["warmup"], options["steps"], options["decayTo"]
        rise = min(1, step / max(1, warmup))
        progress = min(1, max(0, (step - warmup) / max(1, total - warmup)))
        fall = final + (1 + math.cos(progress * math.pi)) / 2 * (1 - final)
        return options["learningRate"] * rise * fall

    def size(self):
        return sum(array.size for array in self.parameters.values())


def serve(versions, prepare):
    """Answers requests; `prepare(workload, variant)` returns a function that runs one step → (loss, gradient norm)."""
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(answer):
        print(json.dumps(answer), file=answers, flush=True)

    say({"python": sys.version.split()[0], **versions})
    ready = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = request["file"], request["variant"]
        if key not in ready:
            workload = Workload(request["file"])
            ready[key] = workload.size(), prepare(workload, request["variant"])
        size, step = ready[key]
        times, losses, norms = [], [], []
        for _ in range(request["steps"]):
            began = time.perf_counter()
            loss, norm = step()
            times.append(1000 * (time.perf_counter() - began))
            losses.append(loss)
            norms.append(norm)
        say({"parameters": size, "ms": times, "loss": losses, "gradientNorm": norms})
