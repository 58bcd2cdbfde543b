"""Trains a GPT-2 checkpoint with PyTorch, one update for each line of stdin, in float32.

A line is {"tokens": [[...], ...], "rate": 0.001}: documents of equal length and the learning rate. The answer is
{"loss": ..., "norm": ..., "seconds": ...}: the mean loss in nats before the update, the norm of the gradient, and
the time of the update. Arguments: the checkpoint's folder and the number of threads.
"""

import json
import math
import pathlib
import struct
import sys
import time

import numpy
import torch
import torch.nn.functional as F

BETAS, EPSILON, DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0


def read_safetensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, want F32")
        first, end = (8 + size + offset for offset in entry["data_offsets"])
        values = numpy.frombuffer(data[first:end], numpy.float32).reshape(entry["shape"]).copy()
        tensors[name.removeprefix("transformer.")] = torch.from_numpy(values).requires_grad_()
    return tensors


class GPT2:
    """GPT-2 with tied embeddings, in the layout of Hugging Face: matrices are [in, out]."""

    def __init__(self, folder):
        config = json.loads((folder / "config.json").read_text())
        self.layers, self.heads, self.epsilon = config["n_layer"], config["n_head"], config["layer_norm_epsilon"]
        self.w = read_safetensors(folder / "model.safetensors")
        self.w.pop("lm_head.weight", None)

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], self.epsilon)

    def affine(self, x, name):
        flat = torch.addmm(self.w[name + ".bias"], x.view(-1, x.shape[-1]), self.w[name + ".weight"])
        return flat.view(*x.shape[:-1], -1)

    def attend(self, x, name):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.affine(x, name + ".c_attn").split(width, -1)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ v
        return self.affine(mixed.transpose(1, 2).reshape(batch, length, width), name + ".c_proj")

    def loss(self, tokens):
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        x = self.w["wte.weight"][inputs] + self.w["wpe.weight"][: inputs.shape[1]]
        for layer in range(self.layers):
            name = f"h.{layer}."
            x = x + self.attend(self.norm(x, name + "ln_1"), name + "attn")
            hidden = F.gelu(self.affine(self.norm(x, name + "ln_2"), name + "mlp.c_fc"), approximate="tanh")
            x = x + self.affine(hidden, name + "mlp.c_proj")
        logits = F.linear(self.norm(x, "ln_f"), self.w["wte.weight"])
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main():
    folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    model = GPT2(folder)
    weights = list(model.w.values())
    optimizer = torch.optim.AdamW(
        [
            {"params": [w for w in weights if w.dim() > 1], "weight_decay": DECAY},
            {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0},
        ],
        betas=BETAS,
        eps=EPSILON,
    )
    print(json.dumps({"ready": f"PyTorch {torch.__version__}"}), flush=True)
    for line in sys.stdin:
        step = json.loads(line)
        tokens = torch.tensor(step["tokens"])
        for group in optimizer.param_groups:
            group["lr"] = step["rate"]
        start = time.perf_counter()
        loss = model.loss(tokens)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()
        answer = {"loss": loss.item(), "norm": norm.item(), "seconds": time.perf_counter() - start}
        print(json.dumps(answer), flush=True)


main()
