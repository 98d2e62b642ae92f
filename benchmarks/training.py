"""A training step against the plain loop, change by change, and against the machine's limit."""
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from colddiff_nb import recipe, train
from colddiff_nb.data import channels
from colddiff_nb.storage import runtime
from colddiff_nb.training import Recipe

from .findings import GPU, HERE, Finding, Found, finding, now, ratio, seconds_of
from .loop import CHANGES, OURS, Pieces, training_loop

MATRIX = 8_192 if GPU else 2_048


def small() -> Found:
    """The small network, 64 images a step: the whole, and every change by itself."""
    name, choice = "the small network", recipe("small", "deblur", "photos", rollout=0.0)
    times = turns(choice, {"plain": {}, "ours": OURS} | CHANGES, steps=20 if GPU else 2, rounds=12)
    yield (f"training {name}, faster than the plain loop",
           finding(ratio(times, "plain", "train"), least=4 if GPU else 2))
    for change in CHANGES:
        yield (f"time of a plain step that goes by itself with: {change}",
               finding(1 - ratio(times, change, "plain"), "share"))
    yield ("time of a plain step that goes with all of these",
           finding(1 - ratio(times, "ours", "plain"), "share"))
    yield "time of a step of `train` over such a step's", finding(ratio(times, "train", "ours"))
    yield from distance(name, choice, times, least=None if GPU else 0.35)


def paper(data: str, dataset: str, T: int) -> Found:
    """A network of the paper, 64 images a step: in pieces of 8 on a CPU; on a GPU 32 twice, by us at once.

    Its recipe is float32; bfloat16 is for what survives it: masks, pixelation.
    """
    name = f"the paper's {data} network"
    plain, ours = ((32, 2), (64, 1)) if GPU else ((8, 8), (8, 8))  # images of a piece, and pieces
    size, accumulate = ours
    choice = recipe("paper", "deblur", dataset, T=T, batch=size, accumulate=accumulate, cuda_graph=GPU)
    loops = {"plain": {"size": plain[0], "accumulate": plain[1]}}
    if runtime.has_bf16(HERE):
        loops["bfloat16"] = OURS | {"size": size, "accumulate": accumulate}
    times = turns(choice, loops, steps=1, rounds=10 if GPU else 3)
    yield (f"training {name} in float32, faster than the plain loop",
           finding(ratio(times, "plain", "train"), least=4 if GPU else 1.5))
    if "bfloat16" in times:
        yield (f"training {name} in bfloat16, faster than the plain loop",
               finding(ratio(times, "plain", "bfloat16")))
    yield from distance(name, choice, times)


def throughput() -> Found:
    """The small network, by batch."""
    digits = partial(recipe, "small", "superres", "mnist5k", rollout=0.0)
    choices = {}
    for batch in (64, 256, 1_024) if GPU else (64,):
        choices[f"small network, batch {batch}"] = digits(batch=batch)
        choices[f"small network with rollouts, batch {batch}"] = digits(batch=batch, rollout=0.5)
    if GPU:
        for batch in (64, 256, 1_024):
            choices[f"small network without a CUDA graph, batch {batch}"] = digits(
                batch=batch, cuda_graph=False)
        choices["small network and a critic, batch 256"] = digits(batch=256, realism=0.1)
    yield from images_a_second(choices)


def more_throughput() -> Found:
    """The paper's networks, and the small one compiled."""
    choices = {"small network, compiled, CUDA graph, batch 1024": recipe(
        "small", "superres", "mnist5k", rollout=0.0, batch=1_024, compile=True)}
    for data, dataset in (("MNIST", "mnist5k"), ("CIFAR-10", "photos")):
        papers = partial(recipe, "paper", "superres", dataset, batch=64, accumulate=1)
        for precision in ("float32", "bf16"):
            choices[f"paper's {data} network, {precision}, batch 64"] = papers(precision=precision)
        choices[f"paper's {data} network, bf16, CUDA graph, batch 64"] = papers(
            precision="bf16", cuda_graph=True)
    yield from images_a_second(choices if GPU else {})


def images_a_second(choices: dict[str, Recipe]) -> Found:
    """Images a second of `train` itself, and the share of the matmul rate."""
    for name, choice in choices.items():
        steps = (60 if choice.network == "small" else 15) if GPU else 3
        times = turns(choice, {}, steps, rounds=1)
        least = 60_000 if name == "small network, batch 1024" else None
        yield (f"training the {name}",
               finding(choice.images_per_step / times["train"].median(), "images/s", least=least))
        yield of_the_matmul_rate(f"the {name}", choice, times)


def turns(choice: Recipe, loops: dict[str, Pieces], steps: int, rounds: int) -> pd.DataFrame:
    """Seconds of a step of `train`, of the loops, and of a matrix product in the precision of `train`.

    A row is a round of so many steps each; loops: what `training_loop` takes, by their names.
    """
    running = {name: training_loop(choice, **pieces) for name, pieces in loops.items()}
    running["matmul"] = products(precision_of(choice))
    times: list[dict[str, float]] = []
    began = now()

    def others(step: int) -> None:
        nonlocal began
        own = {"train": now() - began}
        times.append(own | {name: seconds_of(partial(list, islice(loop, steps)))
                            for name, loop in running.items()})
        began = now()
    train_in_rounds(choice, steps, rounds + 1, others)
    return pd.DataFrame(times[1:]) / steps  # the first round warms up


def train_in_rounds(choice: Recipe, steps: int, rounds: int, between: Callable[[int], object]) -> None:
    """Train for so many rounds of so many steps, and call `between` after each; no checkpoint is saved."""
    def on_evaluate(step: int, ema: object) -> dict[str, float]:
        between(step)
        if step == steps * rounds:
            raise StopIteration
        return {}
    with tempfile.TemporaryDirectory() as folder, suppress(StopIteration):
        train(replace(choice, evaluate_every=steps, save_every=choice.steps), folder,
              on_evaluate=on_evaluate, log=lambda line: None)


def products(dtype: torch.dtype) -> Iterator[None]:
    matrix = torch.randn(MATRIX, MATRIX, device=HERE, dtype=dtype)
    while True:
        torch.mm(matrix, matrix)
        yield


def precision_of(choice: Recipe) -> torch.dtype:
    bf16 = runtime.mixed_precision(choice.precision, choice.network) == "bf16"
    return torch.bfloat16 if bf16 else torch.float32


def flops(choice: Recipe) -> int:
    """Counted operations of one image, forward and backward."""
    network = choice.build(choice.degradation()).to(HERE)
    x0 = torch.zeros(1, channels(choice.dataset), choice.size, choice.size, device=HERE)
    t = torch.ones(1, dtype=torch.long, device=HERE)
    with FlopCounterMode(display=False) as counter:
        network(x0, t, t).sum().backward()
    return counter.get_total_flops()


def of_the_matmul_rate(name: str, choice: Recipe, times: pd.DataFrame,
                       least: float | None = None) -> tuple[str, Finding]:
    """A step's operations over those of a matrix product in its time and precision."""
    operations = flops(choice) * choice.images_per_step / (2 * MATRIX ** 3)
    precision = str(precision_of(choice)).removeprefix("torch.")
    return (f"training {name}, of the {precision} matmul rate",
            finding(operations * ratio(times, "matmul", "train"), "share", least=least))


def distance(name: str, choice: Recipe, times: pd.DataFrame, least: float | None = None) -> Found:
    """How far training is from the machine's limit, and where its time goes."""
    yield f"a training image of {name}, forward and backward", finding(flops(choice) / 1e9, "GFLOP")
    yield of_the_matmul_rate(name, choice, times, least)
    profiler = torch.profiler.profile()

    train_in_rounds(replace(choice, accumulate=1), 3, 2,  # the first steps warm up
                    lambda step: profiler.start() if step == 3 else profiler.stop())
    spent = Counter({event.key.removeprefix("aten::"): event.self_device_time_total if GPU
                     else event.self_cpu_time_total
                     for event in profiler.key_averages()
                     if event.device_type == torch.autograd.DeviceType.CPU})  # not their kernels once more
    for operation, time in spent.most_common(6):
        yield f"time of a training step of {name} in {operation}", finding(time / spent.total(), "share")
