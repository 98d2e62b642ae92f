"""make bench: what the closed form, the samplers and the training loop cost, as ratios measured in one run on an idle machine.

Writes results/bench-<device>.json. The plain ways it compares with are written out here, as one would write them first.
"""
from __future__ import annotations

import argparse
import copy
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pandas  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from torchvision import transforms  # noqa: E402

from colddiff_nb import runtime  # noqa: E402
from colddiff_nb.data import Images, load, to_float  # noqa: E402
from colddiff_nb.degradations import Degradation, make  # noqa: E402
from colddiff_nb.networks import build  # noqa: E402
from colddiff_nb.recipes import Recipe, recipe  # noqa: E402
from colddiff_nb.sampling import algorithm2  # noqa: E402
from colddiff_nb.training import train  # noqa: E402

HERE = runtime.device()


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of a call, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        if HERE.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


class Sequential(nn.Module):
    """Blur as the paper defines it: t convolutions one after another."""

    def __init__(self, T: int, channels: int, first: float, step: float, padding: Any):
        super().__init__()
        taps = torch.arange(-5, 6).float()
        self.convolutions = nn.ModuleList()
        for i in range(T):
            weights = torch.exp(-taps ** 2 / (2 * (first + step * i) ** 2))
            kernel = torch.outer(weights, weights) / weights.sum() ** 2
            convolution = nn.Conv2d(channels, channels, 11, padding=5, padding_mode=padding, groups=channels, bias=False)
            convolution.weight.data.copy_(kernel.expand(channels, 1, 11, 11))
            self.convolutions.append(convolution)
        self.T = T

    @torch.no_grad()
    def forward(self, x0: Tensor, t: int | Tensor) -> Tensor:
        t = torch.as_tensor(t, device=x0.device).expand(len(x0))
        states = [x0]
        for convolution in self.convolutions[:int(t.max())]:
            states.append(convolution(states[-1]))
        return torch.stack(states)[t, torch.arange(len(x0), device=x0.device)]


def degradation(name: str, degrade: Degradation, plain: Sequential) -> dict[str, float]:
    """How many times faster the closed form is than t convolutions, and whether its cost depends on t."""
    T, x0 = degrade.T, torch.rand(64, 1 if "MNIST" in name else 3, 32, 32, device=HERE) * 2 - 1
    t, x_T = torch.randint(1, T + 1, (64,)), degrade(x0, T)
    assert (degrade(x0, t) - plain(x0, t)).abs().max() < 1e-5

    def walk(D: Degradation | Sequential) -> Tensor:
        return algorithm2(lambda x_s, s: x_s, D, x_T)
    return {f"faster, a training batch of 64, {name}": seconds(lambda: plain(x0, t)) / seconds(lambda: degrade(x0, t), 50),
            f"faster, Algorithm 2 around an identity restorer, {name}": seconds(lambda: walk(plain), 1) / seconds(lambda: walk(degrade)),
            f"cost at t = T over cost at t = 1, {name}": seconds(lambda: degrade(x0, T), 200) / seconds(lambda: degrade(x0, 1), 200)}


def sampling() -> dict[str, float]:
    """What of Algorithm 2's time is not the network's."""
    choice = recipe("small", "inpaint", "mnist")
    degrade = choice.degradation().to(HERE)
    network = build(choice, degrade).to(HERE).eval()
    drawn, x0 = degrade.draw(64), torch.rand(64, 1, 32, 32, device=HERE)
    inside = 0.0

    def restore(x_s: Tensor, s: Tensor) -> Tensor:
        nonlocal inside
        began = time.perf_counter()
        x0_hat = network(x_s, s)
        if HERE.type == "cuda":
            torch.cuda.synchronize()
        inside += time.perf_counter() - began
        return x0_hat
    began = time.perf_counter()
    algorithm2(restore, drawn, drawn(x0, 50))
    whole = time.perf_counter() - began
    return {"share of Algorithm 2 outside the network, batch 64, T = 50": 1 - inside / whole}


class Pictures(Dataset):
    """Images one at a time through PIL, as a first version would do."""

    def __init__(self, images: Images):
        self.pixels = images.pixels.permute(0, 2, 3, 1).numpy()
        self.transform = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Lambda(lambda x: 2 * x - 1)])

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> Tensor:
        return self.transform(Image.fromarray(self.pixels[i]))


def plain_loop(choice: Recipe, images: Images, steps: int) -> Iterator[None]:
    """Float32, channels first, 32 accumulated twice, t convolutions, an EMA parameter by parameter: one step a turn."""
    network, degrade = build(choice, choice.degradation()).to(HERE), Sequential(50, 3, 0.35, 0.01, "reflect").to(HERE)
    average, optimizer = copy.deepcopy(network), torch.optim.Adam(network.parameters(), 2e-5, foreach=False, fused=False)
    batches = iter(DataLoader(Pictures(images), 32, shuffle=True, drop_last=True))
    for _ in range(steps):
        for _ in range(2):
            x0 = next(batches).to(HERE)
            t = torch.randint(1, 51, (32,), device=HERE)
            (F.l1_loss(network(degrade(x0, t), t), x0) / 2).backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), network.parameters()):
                mine.copy_(0.995 * mine + 0.005 * theirs)
        yield


def training(steps: int) -> dict[str, float]:
    """Images per second of `train` over those of the plain loop, and its share of the machine's matmul rate; small network."""
    images = load("photos", "train")
    choice = recipe("small", "deblur", "photos", steps=steps, sampler_states=0.0, evaluate_every=5, save_every=steps)
    loop = plain_loop(choice, images, steps)
    next(loop)
    began = time.perf_counter()
    done = sum(1 for _ in loop)
    plain = 64 * done / (time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as folder:
        train(choice, folder, images=images, log=lambda line: None)
        first, last = pandas.read_csv(Path(folder, "curve.csv")).iloc[[0, -1]].to_dict("records")
    ours = (last["images"] - first["images"]) / (last["seconds"] - first["seconds"])
    network = build(choice, choice.degradation()).to(HERE)
    x0, t = to_float(images.pixels[:1]).to(HERE), torch.ones(1, dtype=torch.long, device=HERE)
    with FlopCounterMode(display=False) as counter:
        network(x0, t).sum().backward()
    flops, rate = counter.get_total_flops(), matmul_rate(torch.bfloat16 if runtime.mixed_precision("auto", "small") == "bf16" else torch.float32)
    return {"training: images per second over the plain loop's": ours / plain, "GFLOP of a training image, forward and backward": flops / 1e9,
            "training: share of the matmul rate": ours * flops / rate}


def matmul_rate(dtype: torch.dtype) -> float:
    """FLOP per second of a large matrix product."""
    a = torch.randn(2048, 2048, device=HERE, dtype=dtype)
    return 2 * 2048 ** 3 / seconds(lambda: a @ a)


def start_up() -> dict[str, float]:
    """Seconds that importing the package adds to importing torch."""
    def process(program: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT), 3)
    modules = "colddiff_nb.degradations, colddiff_nb.networks, colddiff_nb.sampling, colddiff_nb.training, colddiff_nb.pretrained"
    return {"seconds of importing the package beyond torch": process(f"import torch, {modules}") - process("import torch")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="optimiser steps of each training loop")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / f"bench-{HERE.type}.json")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    report = {}
    parts: list[Callable[[], dict[str, float]]] = [
        lambda: degradation("MNIST, T = 20", make("deblur", "mnist", T=20).to(HERE), Sequential(20, 1, 7.0, 0.0, "circular").to(HERE)),
        lambda: degradation("CIFAR-10, T = 50", make("deblur", "cifar10").to(HERE), Sequential(50, 3, 0.35, 0.01, "reflect").to(HERE)),
        sampling, lambda: training(chosen.steps), start_up]
    for part in parts:
        for name, value in part().items():
            report[name] = float(f"{value:.3g}")
            print(f"{name}: {value:.3g}", flush=True)
    machine = {"device": HERE.type, "processor": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    chosen.output.write_text(json.dumps({"machine": machine, "measured": report}, indent=1) + "\n")
    print(f"wrote {chosen.output}")


if __name__ == "__main__":
    main()
