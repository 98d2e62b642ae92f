"""A training step against the plain loop, change by change, and against the machine's limit."""
import contextlib
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from colddiff_nb.data import Images, load, to_float
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe, recipe, train

from .findings import GPU, HERE, Finding, Found, Times, finding, now, ratio, seconds_of
from .loop import CHANGES, OURS, training_loop

MATRIX = 8_192 if GPU else 2_048


def small() -> Found:
    """The small network, 64 images a step: the whole, and every change by itself."""
    choice, images = recipe("small", "deblur", "photos", rollout=0.0), load("photos", "train")
    loops = {"plain": {}, "ours": OURS} | CHANGES
    times = turns(choice, images, loops, steps=20 if GPU else 2, rounds=12)

    def saved(loop: str) -> Finding:
        return finding(1 - ratio(times, loop, "plain"), "share")
    yield ("training the small network, faster than the plain loop",
           finding(ratio(times, "plain", "train"), least=4 if GPU else 2))
    for change in CHANGES:
        yield f"time of a plain step that goes by itself with: {change}", saved(change)
    yield "time of a plain step that goes with all of these", saved("ours")
    yield "time of a step of `train` over such a step's", finding(ratio(times, "train", "ours"))
    yield from distance("the small network", choice, images, times, least=None if GPU else 0.35)


def paper(name: str, dataset: str, T: int) -> Found:
    """A network of the paper, 64 images a step in pieces of 8.

    Its recipe is float32; bfloat16 is for what survives it: masks, pixelation.
    """
    name = f"the paper's {name} network"
    eights = {"size": 8, "accumulate": 8}
    choice = recipe("paper", "deblur", dataset, T=T, batch=8, accumulate=8, rollout=0.0)
    images = load(dataset, "train")
    loops = {"plain": eights} | ({"bfloat16": OURS | eights} if runtime.has_bf16(HERE) else {})
    times = turns(choice, images, loops, steps=1, rounds=10 if GPU else 3)
    for precision, loop in (("float32", "train"), ("bfloat16", "bfloat16")):
        if loop in times:
            goal = (4 if GPU else 1.5) if loop == "train" else None
            yield (f"training {name} in {precision}, faster than the plain loop",
                   finding(ratio(times, "plain", loop), least=goal))
    yield from distance(name, choice, images, times)


def throughput() -> Found:
    """Images a second of `train` itself, by batch and precision."""
    digits = partial(recipe, "small", "superres", "mnist5k")
    for batch in (64, 256, 1_024) if GPU else (64,):
        goal = 60_000 if batch == 1_024 else None
        yield from rate(f"the small network, batch {batch}", digits(batch=batch, rollout=0.0), goal)
        yield from rate(f"the small network with rollouts, batch {batch}", digits(batch=batch, rollout=0.5))
    if not GPU:
        return
    yield from rate("the small network, compiled, batch 512", digits(batch=512, rollout=0.0, compile=True))
    yield from rate("the small network and a critic, batch 256",
                    digits(batch=256, rollout=0.0, realism=0.1))
    for name, dataset in (("MNIST", "mnist5k"), ("CIFAR-10", "photos")):
        for precision in ("float32", "bf16"):
            choice = recipe("paper", "superres", dataset, precision=precision, batch=64, accumulate=1)
            yield from rate(f"the paper's {name} network, {precision}, batch 64", choice)


def rate(name: str, choice: Recipe, goal: float | None = None) -> Found:
    """Of training a recipe for some seconds, after as many that warm up."""
    images = load(choice.dataset, "train")
    steps = (60 if choice.network == "small" else 15) if GPU else 3
    times = turns(choice, images, {}, steps, rounds=1)
    rate = choice.batch * choice.accumulate / times["train"][0]
    yield f"training {name}", finding(rate, "images/s", least=goal)
    yield of_the_matmul_rate(name, choice, times)


def turns(choice: Recipe, images: Images, loops: dict[str, dict[str, Any]], steps: int, rounds: int) -> Times:
    """Seconds of a step of `train` and the loops in every round, and of a matrix product in its precision."""
    running = {name: training_loop(choice, images.pixels, **pieces) for name, pieces in loops.items()}
    running["matmul"] = products(precision_of(choice))
    times: Times = {name: [] for name in ("train", *running)}

    def between() -> Generator[None]:
        for _ in range(rounds + 1):
            began = now()
            yield
            times["train"].append((now() - began) / steps)
            for name, loop in running.items():
                times[name].append(seconds_of(partial(list, islice(loop, steps))) / steps)
    train_with(choice, images, steps, between())
    return {name: values[1:] for name, values in times.items()}  # the first round warms up


def products(dtype: torch.dtype) -> Iterator[None]:
    matrix = torch.randn(MATRIX, MATRIX, device=HERE, dtype=dtype)
    while True:
        torch.mm(matrix, matrix)
        yield


def train_with(choice: Recipe, images: Images, steps: int, between: Generator[None]) -> None:
    """Run `train` without checkpoints; what stands between goes on every `steps` steps, and ends it."""
    next(between)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(StopIteration):
        train(replace(choice, evaluate_every=steps, save_every=choice.steps), folder, images=images,
              on_evaluate=lambda step, ema: next(between) or {}, log=lambda line: None)


def precision_of(choice: Recipe) -> torch.dtype:
    return {"bf16": torch.bfloat16, "fp16": torch.float16,
            "no": torch.float32}[runtime.mixed_precision(choice.precision, choice.network)]


def flops(choice: Recipe) -> int:
    """Counted operations of one image, forward and backward."""
    network = choice.build(choice.degradation()).to(HERE)
    x0 = to_float(load(choice.dataset, "test").pixels[:1]).to(HERE)
    t = torch.ones(1, dtype=torch.long, device=HERE)
    with FlopCounterMode(display=False) as counter:
        network(x0, t, t).sum().backward()
    return counter.get_total_flops()


def of_the_matmul_rate(name: str, choice: Recipe, times: Times,
                       least: float | None = None) -> tuple[str, Finding]:
    """A step's operations over those of a matrix product in its time and precision."""
    operations = flops(choice) * choice.batch * choice.accumulate / (2 * MATRIX ** 3)
    precision = str(precision_of(choice)).removeprefix("torch.")
    return (f"training {name}, of the {precision} matmul rate",
            finding(operations * ratio(times, "matmul", "train"), "share", least=least))


def distance(name: str, choice: Recipe, images: Images, times: Times, least: float | None = None) -> Found:
    """How far training is from the machine's limit, and where its time goes."""
    yield f"a training image of {name}, forward and backward", finding(flops(choice) / 1e9, "GFLOP")
    yield of_the_matmul_rate(name, choice, times, least)
    profiler = torch.profiler.profile()

    def between() -> Generator[None]:
        yield  # the first steps warm up
        with profiler:
            yield
    train_with(replace(choice, accumulate=1), images, 3, between())
    spent = Counter({event.key.removeprefix("aten::"): event.self_device_time_total if GPU
                     else event.self_cpu_time_total
                     for event in profiler.key_averages()
                     if event.device_type == torch.autograd.DeviceType.CPU})  # not their kernels once more
    for operation, time in spent.most_common(6):
        yield f"time of a training step of {name} in {operation}", finding(time / spent.total(), "share")
