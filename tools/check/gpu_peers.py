"""PyTorch on the work that `latent bench` times: fp32 without TF32, convolutions channels last.
Lines of JSON with the same keys.

    gpu_peers.py kernels [--rows FILE]    the rows of FILE (latent bench kernel --json)
    gpu_peers.py steps                    a training step: eager, torch.compile, captured as a graph
    gpu_peers.py copy                     copies on the device, to it and from it

A GPU is timed by its events: kernels in a graph of many calls, medians. Exit code 4: there is no
PyTorch, or no GPU.
"""

import argparse
import json
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    sys.exit(print(f"no PyTorch: {error}", file=sys.stderr) or 4)

WIDEST = [  # where no file names rows
    ("gemm", [4096, 4096, 4096]),
    ("conv forward", ["wide32", 128, 32, 32, 128, 128, 3, 1, 1]),
    ("conv data", ["wide32", 128, 32, 32, 128, 128, 3, 1, 1]),
    ("conv filter", ["wide32", 128, 32, 32, 128, 128, 3, 1, 1]),
    ("reparameterise_kl", [1 << 20, 64]),
    ("row_sum", [1 << 16, 1024]),
    ("adam", [1 << 26]),
    ("exp", [1 << 26]),
]


def say(**keys):
    print(json.dumps(keys), flush=True)


def summary(times):
    return {
        "us": round(statistics.median(times), 3),
        "min": round(min(times), 3),
        "max": round(max(times), 3),
    }


class Gpu:
    """Runs and times on the GPU."""

    name = "cuda"

    def __init__(self):
        if not torch.cuda.is_available():
            sys.exit(print("PyTorch sees no GPU", file=sys.stderr) or 4)
        torch.backends.cudnn.benchmark = True

    def microseconds(self, run):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e3

    def repeated(self, call, n):
        """`n` calls as one graph."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(n):
                call()
        return graph.replay


class Cpu:
    """In a GPU's place, to try the script itself."""

    name = "cpu"

    def microseconds(self, run):
        begin = time.perf_counter()
        run()
        return (time.perf_counter() - begin) * 1e6

    def repeated(self, call, n):
        def run():
            for _ in range(n):
                call()

        return run


def timed(machine, call, seconds):
    """The median of graphs of about a millisecond each."""
    once = machine.repeated(call, 1)
    once()
    one = max(machine.microseconds(once), 0.1)
    n = max(1, min(200, int(1000 / one)))
    many = machine.repeated(call, n)
    many()
    rounds = max(7, min(200, int(seconds * 1e6 / (n * one))))
    return summary([machine.microseconds(many) / n for _ in range(rounds)])


# ---- kernels -------------------------------------------------------------------------------------


def uniform(device, *shape, low=-1.0, high=1.0):
    return torch.empty(*shape, device=device).uniform_(low, high)


def product(device, sizes, a_turned=False, b_turned=False):
    m, n, k = sizes
    a = uniform(device, k, m).t() if a_turned else uniform(device, m, k)
    b = uniform(device, n, k).t() if b_turned else uniform(device, k, n)
    c = torch.empty(m, n, device=device)
    return lambda: torch.mm(a, b, out=c)


def linear_relu(device, sizes):
    m, n, k = sizes
    x, w, b = uniform(device, m, k), uniform(device, n, k), uniform(device, n)
    return lambda: torch.relu(F.linear(x, w, b))


def convolution(device, sizes, what):
    b, h, w, c, k, r, stride, pad = sizes
    last = {"memory_format": torch.channels_last}
    x = uniform(device, b, c, h, w).contiguous(**last)
    f = uniform(device, k, c, r, r).contiguous(**last)
    bias = uniform(device, k)
    if what == "relu":
        return lambda: torch.relu(F.conv2d(x, f, bias, stride, pad))
    if what == "forward":
        return lambda: F.conv2d(x, f, None, stride, pad)
    dy = torch.randn_like(F.conv2d(x, f, None, stride, pad)).contiguous(**last)
    wanted = [what == "data", what == "filter", False]
    return lambda: torch.ops.aten.convolution_backward(
        dy, x, f, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1, wanted
    )


def elementwise(device, sizes, f, low=-3.0):
    x = uniform(device, sizes[0], low=low, high=3.0)
    return lambda: f(x)


def copied(device, sizes):
    x, y = uniform(device, sizes[0]), torch.empty(sizes[0], device=device)
    return lambda: y.copy_(x)


def drawn(device, sizes):
    y = torch.empty(sizes[0], device=device)
    return lambda: y.normal_()


def reduced(device, sizes, axis):
    x = uniform(device, *sizes)
    return (lambda: x.sum()) if axis is None else (lambda: x.sum(axis))


def softmax(device, sizes):
    x = uniform(device, *sizes, low=-3.0, high=3.0)
    return lambda: torch.log_softmax(x, 1)


def divergence(mu, logvar):
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)


def latents(device, sizes, f):
    mu, logvar = uniform(device, *sizes), uniform(device, *sizes)
    return lambda: f(mu, logvar)


def draw(mu, logvar):
    noise = torch.randn_like(mu)
    return mu + torch.exp(0.5 * logvar) * noise, noise


def likelihood(device, sizes):
    logits, x = uniform(device, *sizes, low=-5.0, high=5.0), uniform(device, *sizes, low=0.0)
    return lambda: -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def adam(device, sizes):
    p = nn.Parameter(uniform(device, sizes[0]))
    p.grad = uniform(device, sizes[0])
    rule = torch.optim.Adam([p], 1e-9, fused=True, capturable=device == "cuda")
    return lambda: rule.step()


KERNELS = {
    "gemm": product,
    "gemm nt": lambda d, s: product(d, s, b_turned=True),
    "gemm tn": lambda d, s: product(d, s, a_turned=True),
    "linear relu": linear_relu,
    "conv forward": lambda d, s: convolution(d, s, "forward"),
    "conv relu": lambda d, s: convolution(d, s, "relu"),
    "conv data": lambda d, s: convolution(d, s, "data"),
    "conv filter": lambda d, s: convolution(d, s, "filter"),
    "copy": copied,
    "exp": lambda d, s: elementwise(d, s, torch.exp),
    "log": lambda d, s: elementwise(d, s, torch.log, low=0.2),
    "tanh": lambda d, s: elementwise(d, s, torch.tanh),
    "sigmoid": lambda d, s: elementwise(d, s, torch.sigmoid),
    "softplus": lambda d, s: elementwise(d, s, F.softplus),
    "randn": drawn,
    "sum": lambda d, s: reduced(d, s, None),
    "row_sum": lambda d, s: reduced(d, s, 1),
    "col_sum": lambda d, s: reduced(d, s, 0),
    "log_softmax": softmax,
    "gaussian_kl": lambda d, s: latents(d, s, divergence),
    "bernoulli_log_prob": likelihood,
    "reparameterise": lambda d, s: latents(d, s, draw),
    "reparameterise_kl": lambda d, s: latents(
        d, s, lambda mu, lv: (*draw(mu, lv), divergence(mu, lv))
    ),
    "adam": adam,
}


def rows_of(path, widest):
    """(kernel, shape, the row of ours) in the file's order."""
    if not path:
        return [(kernel, shape, {}) for kernel, shape in widest]
    rows = []
    with open(path) as lines:
        for line in lines:
            row = json.loads(line) if line.startswith("{") else {}
            if row.get("impl") == "latent" and "kernel" in row:
                rows.append((row["kernel"], row["shape"], row))
    return rows


def kernels(machine, options):
    for kernel, shape, ours in rows_of(
        options.rows, WIDEST if machine.name == "cuda" else [("exp", [1000])]
    ):
        if kernel not in KERNELS:
            continue
        line = {"kernel": kernel, "shape": shape, "impl": "torch", "threads": 1}
        try:
            with torch.no_grad():
                call = KERNELS[kernel](machine.name, [s for s in shape if not isinstance(s, str)])
                times = timed(machine, call, options.seconds)
        except RuntimeError as error:
            say(**line, error=str(error).splitlines()[0][:200])
            continue
        rates = {
            k: round(ours[k] * ours["us"] / times["us"], 4)
            for k in ("gflops", "gbps")
            if ours.get(k)
        }
        us = times.pop("us")
        say(**line, us=us, **rates, **times, device=machine.name)


# ---- training steps ------------------------------------------------------------------------------


class Vae(nn.Module):
    """784-400-20."""

    batch, shape, rate = 128, (784,), 1e-3

    def __init__(self):
        super().__init__()
        self.hidden, self.code = nn.Linear(784, 400), nn.Linear(400, 40)
        self.expand, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)

    def encode(self, x):
        return self.code(torch.relu(self.hidden(x)))

    def decode(self, z):
        return self.pixels(torch.relu(self.expand(z)))

    def forward(self, x):
        mu, logvar = self.encode(x).chunk(2, 1)
        logits = self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (recon + divergence(mu, logvar).sum()) / x.shape[0]


class Vae64(Vae):
    """64x64x3, four 4x4 convolutions of stride 2 with 32, 64, 128, 256 channels, z 64."""

    batch, shape, rate = 128, (3, 64, 64), 1e-4

    def __init__(self):
        nn.Module.__init__(self)
        maps = [3, 32, 64, 128, 256]
        down = [nn.Conv2d(i, o, 4, 2, 1) for i, o in zip(maps, maps[1:])]
        up = [nn.ConvTranspose2d(o, i, 4, 2, 1) for i, o in zip(maps, maps[1:])][::-1]
        self.down = nn.Sequential(*[layer for conv in down for layer in (conv, nn.ReLU())])
        self.up = nn.Sequential(*[layer for conv in up for layer in (conv, nn.ReLU())][:-1])
        self.code, self.widen = nn.Linear(4096, 128), nn.Linear(64, 4096)

    def encode(self, x):
        return self.code(self.down(x).flatten(1))

    def decode(self, z):
        return self.up(torch.relu(self.widen(z)).view(-1, 256, 4, 4))


def training_step(machine, kind, batch, impl):
    torch.manual_seed(0)
    batch = batch or kind.batch
    model, x = kind().to(machine.name), torch.rand(batch, *kind.shape, device=machine.name)
    if len(kind.shape) == 3:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    rule = torch.optim.Adam(
        model.parameters(), kind.rate, fused=True, capturable=machine.name == "cuda"
    )
    loss = torch.compile(model) if impl == "compile" else model

    def step():
        rule.zero_grad(set_to_none=True)
        loss(x).backward()
        rule.step()

    return machine.repeated(step, 1) if impl == "graph" else step


def steps(machine, options):
    kinds = {"vae": Vae, "vae64": Vae64}
    for name in options.only.split(","):
        for impl in options.impl.split(","):
            line = {"workload": name, "impl": f"torch.{impl}", "threads": 1}
            try:
                step = training_step(machine, kinds[name], options.batch, impl)
                for _ in range(3):
                    step()
                one = max(machine.microseconds(step), 1.0)
                n = max(1, int(options.seconds * 1e6 / 7 / one))
                chunks = [
                    machine.microseconds(lambda: [step() for _ in range(n)]) / n / 1e3
                    for _ in range(7)
                ]
            except Exception as error:  # a compiler that is missing is no reason to stop
                say(**line, error=str(error).strip().splitlines()[0][:200])
                continue
            ms = {"ms": statistics.median(chunks), "min": min(chunks), "max": max(chunks)}
            say(**line, **{k: round(v, 4) for k, v in ms.items()}, steps=7 * n, device=machine.name)


# ---- copies --------------------------------------------------------------------------------------


def copy(machine, options):
    n = options.megabytes * (1 << 18)
    there = [torch.rand(n, device=machine.name) for _ in range(2)]
    here = torch.rand(n)
    if machine.name == "cuda":
        here = here.pin_memory()
    ways = [
        ("on the device", lambda: there[1].copy_(there[0]), 8),
        ("to the device", lambda: there[0].copy_(here, non_blocking=True), 4),
        ("from the device", lambda: here.copy_(there[0], non_blocking=True), 4),
    ]
    for way, call, width in ways:
        call()
        times = summary([machine.microseconds(call) for _ in range(9)])
        us = times.pop("us")
        say(
            copy=way,
            bytes=4 * n,
            us=us,
            gbps=round(width * n / us / 1e3, 2),
            **times,
            device=machine.name,
        )


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["kernels", "steps", "copy"])
    p.add_argument("--rows", help="results of latent bench kernel --json")
    p.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    p.add_argument("--seconds", type=float, default=0.1, help="for each line")
    p.add_argument("--only", default="vae,vae64", help="steps")
    p.add_argument("--impl", default="eager,graph,compile", help="of steps")
    p.add_argument("--batch", type=int, default=0)
    p.add_argument("--megabytes", type=int, default=1024, help="of a copy")
    options = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    machine = Gpu() if options.device == "cuda" else Cpu()
    {"kernels": kernels, "steps": steps, "copy": copy}[options.what](machine, options)


main()
