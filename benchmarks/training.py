"""A training step against the plain loop, change by change, and against the machine's limit."""
import contextlib
import tempfile
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from colddiff_nb.data import Images, load, to_float
from colddiff_nb.storage import runtime
from colddiff_nb.storage.runtime import has_bf16
from colddiff_nb.training import Recipe, recipe, train
from colddiff_nb.training.run import OnEvaluate

from .findings import GPU, HERE, Finding, faster, finding, now, ratio, seconds_of
from .loop import CHANGES, OURS, PLAIN, advance, training_loop

MATRIX = 8_192 if GPU else 2_048


class Enough(Exception):
    """Ends a training from within its callback, before it saves anything."""


def small() -> dict[str, Finding]:
    """The small network, 64 images a step: the whole, and every change by itself."""
    choice, images, name = recipe("small", "deblur", "photos"), load("photos", "train"), "the small network"
    loops = {"plain": PLAIN, "ours": OURS} | {change: PLAIN | pieces for change, pieces in CHANGES.items()}
    times = in_turns_with_train(choice, images, loops, steps=20 if GPU else 2, rounds=12)

    def saved(loop: str) -> Finding:
        return finding(1 - ratio(times[loop], times["plain"]), "share")
    whole = faster(times, "plain", "train", least=4 if GPU else 2)
    found = {f"training {name}, faster than the plain loop": whole}
    found |= {f"time of a plain step that goes by itself with: {change}": saved(change) for change in CHANGES}
    found["time of a plain step that goes with all of these"] = saved("ours")
    found["time of a step of `train` over such a step's"] = faster(times, "train", "ours")
    return found | distance(name, choice, images, times, least=None if GPU else 0.35)


def paper_mnist() -> dict[str, Finding]:
    return paper("the paper's MNIST network", recipe("paper", "deblur", "mnist5k", T=20))


def paper_cifar10() -> dict[str, Finding]:
    return paper("the paper's CIFAR-10 network", recipe("paper", "deblur", "photos"))


def paper(name: str, choice: Recipe) -> dict[str, Finding]:
    """A network of the paper, 64 images a step in pieces of 8.

    Its recipe is float32; bfloat16 is for what survives it: masks, pixelation.
    """
    choice, eights = replace(choice, batch=8, accumulate=8), {"size": 8, "accumulate": 8}
    images = load(choice.dataset, "train")
    loops = {"plain": PLAIN | eights} | ({"bfloat16": OURS | eights} if has_bf16(HERE) else {})
    times = in_turns_with_train(choice, images, loops, steps=1, rounds=10 if GPU else 3)
    what = f"training {name} in {{}}, faster than the plain loop"
    found = {what.format("float32"): faster(times, "plain", "train", least=4 if GPU else 1.5)}
    if "bfloat16" in times:
        found[what.format("bfloat16")] = faster(times, "plain", "bfloat16")
    return found | distance(name, choice, images, times)


def in_turns_with_train(choice: Recipe, images: Images, loops: dict[str, dict[str, Any]], steps: int,
                        rounds: int) -> dict[str, list[float]]:
    """Seconds of a step of `train` and the loops in every round, and of a matrix product in its precision.

    `train` hands over in its callback, after every `steps` steps, so that all take turns.
    """
    running = {name: training_loop(choice, images.pixels, **pieces) for name, pieces in loops.items()}
    matrix = torch.randn(MATRIX, MATRIX, device=HERE, dtype=precision_of(choice))
    times: dict[str, list[float]] = {name: [] for name in ("train", *loops, "matmul")}
    began = now()

    def on_evaluate(step: int, ema: nn.Module) -> dict[str, float]:
        nonlocal began
        times["train"].append((now() - began) / steps)
        for name, loop in running.items():
            times[name].append(seconds_of(partial(advance, loop, steps)) / steps)
        times["matmul"].append(seconds_of(lambda: matrix @ matrix))
        if step == steps * (rounds + 1):
            raise Enough
        began = now()
        return {}
    until_enough(replace(choice, evaluate_every=steps), images, on_evaluate)
    return {name: values[1:] for name, values in times.items()}  # the first round warms up


def until_enough(choice: Recipe, images: Images, on_evaluate: OnEvaluate, rollouts: float = 0.0) -> None:
    """The steps of `train` alone: no checkpoints, no printed lines; rollouts for a share of the batch."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Enough):
        choice = replace(choice, rollout=rollouts, save_every=choice.steps)
        train(choice, folder, images=images, on_evaluate=on_evaluate, log=lambda line: None)


def precision_of(choice: Recipe) -> torch.dtype:
    return {"bf16": torch.bfloat16, "fp16": torch.float16,
            "no": torch.float32}[runtime.mixed_precision(choice.precision, choice.network)]


def distance(name: str, choice: Recipe, images: Images, times: dict[str, list[float]],
             least: float | None = None) -> dict[str, Finding]:
    """A step's operations over those of a matrix product in its time and precision; where time goes."""
    operations = flops(choice)
    step, product = operations * choice.batch * choice.accumulate, 2 * MATRIX ** 3
    share = finding(step / product * ratio(times["matmul"], times["train"]), "share", least=least)
    precision = str(precision_of(choice)).removeprefix("torch.")
    return {f"a training image of {name}, forward and backward": finding(operations / 1e9, "GFLOP"),
            f"training {name}, of the {precision} matmul rate": share} | profile(name, choice, images)


def flops(choice: Recipe) -> int:
    """Counted operations of one image, forward and backward."""
    network = choice.build(choice.degradation()).to(HERE)
    x0 = to_float(load(choice.dataset, "test").pixels[:1]).to(HERE)
    t = torch.ones(1, dtype=torch.long, device=HERE)
    with FlopCounterMode(display=False) as counter:
        network(x0, t, t).sum().backward()
    return counter.get_total_flops()


def profile(name: str, choice: Recipe, images: Images, steps: int = 3) -> dict[str, Finding]:
    """The operations that a few steps of `train` spend most of their time in."""
    profiler = torch.profiler.profile(activities=torch.profiler.supported_activities())

    def on_evaluate(step: int, ema: nn.Module) -> dict[str, float]:
        if step == steps:  # the first steps warm up
            profiler.start()
            return {}
        profiler.stop()
        raise Enough
    until_enough(replace(choice, accumulate=1, evaluate_every=steps), images, on_evaluate)
    operations = profiler.key_averages()
    spent = {operation.key.removeprefix("aten::"): operation.self_device_time_total if GPU
             else operation.self_cpu_time_total
             for operation in operations
             if operation.device_type == torch.autograd.DeviceType.CPU}  # and not their kernels once more
    whole = sum(spent.values())
    return {f"time of a training step of {name} in {key}": finding(spent[key] / whole, "share")
            for key in sorted(spent, key=lambda key: -spent[key])[:6]}
