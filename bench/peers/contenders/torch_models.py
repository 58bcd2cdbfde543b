"""Times PyTorch in eager float32: answers each line of work on stdin with its seconds on stdout.

  prefill N           N tokens from an empty cache, logits of the last
  decode DEPTH COUNT  COUNT tokens one by one after DEPTH others, logits of each; only they are timed

Arguments: gpt2, mamba or mistral, and the number of threads. Weights are random. The modules are written as
one would by hand: one fused projection where the model has one, a preallocated cache, no copies per token.
"""

import math
import sys
import time

import torch
import torch.nn.functional as F

CONTEXT = 2048


def weight(*shape):
    return torch.randn(*shape) * 0.02


def linear(x, w, b=None):
    """x is [n, in]. A single row uses a matrix-vector product, which is faster in OpenBLAS."""
    return F.linear(x, w, b) if x.shape[0] > 1 else F.linear(x[0], w, b).unsqueeze(0)


class Attention:
    """Causal attention with a key-value cache and grouped queries."""

    def __init__(self, heads, kv_heads, dim):
        self.heads, self.kv_heads, self.dim = heads, kv_heads, dim
        self.keys = torch.zeros(kv_heads, CONTEXT, dim)
        self.values = torch.zeros(kv_heads, CONTEXT, dim)

    def __call__(self, q, k, v, at):
        """q is [n, heads, dim], k and v are [n, kv_heads, dim], for the tokens starting at position at."""
        n, group = q.shape[0], self.heads // self.kv_heads
        end = at + n
        self.keys[:, at:end] = k.transpose(0, 1)
        self.values[:, at:end] = v.transpose(0, 1)
        q = q.view(n, self.kv_heads, group, self.dim).permute(1, 2, 0, 3).reshape(self.kv_heads, group * n, self.dim)
        scores = q @ self.keys[:, :end].transpose(1, 2) / math.sqrt(self.dim)
        if n > 1:
            hidden = torch.ones(n, end, dtype=torch.bool).triu(at + 1)
            scores = scores.view(self.kv_heads, group, n, end).masked_fill(hidden, -math.inf).view(scores.shape)
        out = torch.softmax(scores, -1) @ self.values[:, :end]
        return out.view(self.kv_heads, group, n, self.dim).permute(2, 0, 1, 3).reshape(n, self.heads * self.dim)


class GPT2:
    """GPT-2 small: 12 layers of 768, 12 heads, 1,024 positions."""

    vocab, width, layers, heads = 50257, 768, 12, 12

    def __init__(self):
        d = self.width
        self.tokens, self.positions = weight(self.vocab, d), weight(1024, d)
        self.final = torch.ones(d), torch.zeros(d)
        self.blocks = [
            {
                "norm1": (torch.ones(d), torch.zeros(d)), "qkv": (weight(3 * d, d), torch.zeros(3 * d)),
                "out": (weight(d, d), torch.zeros(d)), "norm2": (torch.ones(d), torch.zeros(d)),
                "up": (weight(4 * d, d), torch.zeros(4 * d)), "down": (weight(d, 4 * d), torch.zeros(d)),
                "attention": Attention(self.heads, self.heads, d // self.heads),
            }
            for _ in range(self.layers)
        ]

    def reset(self):
        """Overwrites the cache from the first position."""

    def forward(self, tokens, at):
        d, n = self.width, len(tokens)
        x = self.tokens[tokens] + self.positions[at : at + n]
        for b in self.blocks:
            qkv = linear(F.layer_norm(x, (d,), *b["norm1"]), *b["qkv"])
            q, k, v = (part.view(n, self.heads, -1) for part in qkv.split(d, -1))
            x = x + linear(b["attention"](q, k, v, at), *b["out"])
            hidden = F.gelu(linear(F.layer_norm(x, (d,), *b["norm2"]), *b["up"]), approximate="tanh")
            x = x + linear(hidden, *b["down"])
        return F.linear(F.layer_norm(x[-1], (d,), *self.final), self.tokens)


def rms_norm(x, w, eps=1e-6):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * w


class Mistral:
    """24 layers of 2,048, 32 query and 8 key heads of 64, MLP of 5,632: 1.21 B parameters."""

    vocab, width, layers, heads, kv_heads, dim, inner = 32000, 2048, 24, 32, 8, 64, 5632

    def __init__(self):
        d, kv = self.width, self.kv_heads * self.dim
        self.tokens, self.head, self.final = weight(self.vocab, d), weight(self.vocab, d), torch.ones(d)
        angles = torch.outer(torch.arange(CONTEXT), 1e4 ** (-torch.arange(0, self.dim, 2) / self.dim)).repeat(1, 2)
        self.cos, self.sin = angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)
        self.blocks = [
            {
                "norm1": torch.ones(d), "norm2": torch.ones(d), "qkv": weight(d + 2 * kv, d), "out": weight(d, d),
                "gate_up": weight(2 * self.inner, d), "down": weight(d, self.inner),
                "attention": Attention(self.heads, self.kv_heads, self.dim),
            }
            for _ in range(self.layers)
        ]

    def reset(self):
        """Overwrites the cache from the first position."""

    def rotate(self, x, at):
        a, b = x.chunk(2, -1)
        span = slice(at, at + x.shape[0])
        return x * self.cos[span] + torch.cat((-b, a), -1) * self.sin[span]

    def forward(self, tokens, at):
        d, kv, n = self.width, self.kv_heads * self.dim, len(tokens)
        x = self.tokens[tokens]
        for b in self.blocks:
            qkv = linear(rms_norm(x, b["norm1"]), b["qkv"])
            q, k, v = (part.view(n, -1, self.dim) for part in qkv.split((d, kv, kv), -1))
            x = x + linear(b["attention"](self.rotate(q, at), self.rotate(k, at), v, at), b["out"])
            gate, up = linear(rms_norm(x, b["norm2"]), b["gate_up"]).chunk(2, -1)
            x = x + linear(F.silu(gate) * up, b["down"])
        return F.linear(rms_norm(x[-1], self.final), self.head)


class Mamba:
    """mamba-130m: 24 layers of 768, 1,536 channels of 16 states. The scan is a loop over time."""

    vocab, width, layers, channels, states, rank, taps = 50280, 768, 24, 1536, 16, 48, 4

    def __init__(self):
        d, e, s, r = self.width, self.channels, self.states, self.rank
        self.tokens, self.final = weight(self.vocab, d), torch.ones(d)
        self.blocks = [
            {
                "norm": torch.ones(d), "in": weight(2 * e, d), "conv": (weight(e, 1, self.taps), torch.zeros(e)),
                "x": weight(r + 2 * s, e), "dt": (weight(e, r), torch.full((e,), -4.0)),
                "a": -torch.arange(1.0, s + 1).repeat(e, 1), "d": torch.ones(e), "out": weight(d, e),
            }
            for _ in range(self.layers)
        ]
        self.reset()

    def reset(self):
        for b in self.blocks:
            b["tail"] = torch.zeros(self.channels, self.taps - 1)
            b["state"] = torch.zeros(self.channels, self.states)

    def scan(self, b, u):
        """u is [n, channels]; the result too."""
        dt, B, C = linear(u, b["x"]).split((self.rank, self.states, self.states), -1)
        dt = F.softplus(linear(dt, *b["dt"]))
        decay = torch.exp(dt.unsqueeze(-1) * b["a"])
        drive = (dt * u).unsqueeze(-1) * B.unsqueeze(1)
        h, out = b["state"], []
        for t in range(u.shape[0]):
            h = decay[t] * h + drive[t]
            out.append(h @ C[t])
        b["state"] = h
        return torch.stack(out) + b["d"] * u

    def forward(self, tokens, at):
        n = len(tokens)
        x = self.tokens[tokens]
        for b in self.blocks:
            u, z = linear(rms_norm(x, b["norm"], 1e-5), b["in"]).chunk(2, -1)
            u = torch.cat((b["tail"], u.t()), -1)
            b["tail"] = u[:, n:]
            weights, bias = b["conv"]
            u = F.silu(F.conv1d(u.unsqueeze(0), weights, bias, groups=self.channels)[0].t())
            x = x + linear(self.scan(b, u) * F.silu(z), b["out"])
        return F.linear(rms_norm(x[-1], self.final, 1e-5), self.tokens)


def token(model, i):
    return (i * 7919 + 11) % model.vocab


def feed(model, at, count):
    return model.forward(torch.tensor([token(model, at + i) for i in range(count)]), at)


def prefill(model, n):
    start = time.perf_counter()
    feed(model, 0, n)
    return time.perf_counter() - start


def decode(model, depth, count):
    feed(model, 0, depth)
    start = time.perf_counter()
    for i in range(count):
        feed(model, depth + i, 1)
    return time.perf_counter() - start


@torch.inference_mode()
def main(name, threads):
    torch.set_num_threads(int(threads))
    model = {"gpt2": GPT2, "mamba": Mamba, "mistral": Mistral}[name]()
    if not torch.isfinite(feed(model, 0, 5)).all():
        raise ValueError("the logits are no numbers")
    capability = [line.strip("- ") for line in torch.__config__.show().split("\n") if "CPU capability" in line]
    print("ready PyTorch", torch.__version__, *capability, flush=True)
    for line in sys.stdin:
        work, *sizes = line.split()
        model.reset()
        print(f"{ {'prefill': prefill, 'decode': decode}[work](model, *map(int, sizes)):.9f}", flush=True)


try:
    main(*sys.argv[1:])
except Exception as e:  # reported in the protocol, then as a traceback
    print("error", str(e).replace("\n", " "), flush=True)
    raise
