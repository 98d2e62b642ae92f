"""make bench: the questions in turn; results/bench-<device>.json is written after each.

    python -m benchmarks                     all but growth and peers, under 10 minutes on two idle cores
    python -m benchmarks sampling start-up   these only: their answers replace the old ones in the file
    python -m benchmarks --full              also how the cost grows, as curves
    python -m benchmarks peers               other libraries beside ours: deepinv, denoising-diffusion-pytorch
"""
import argparse
import json
import os
from collections.abc import Callable
from functools import partial

import torch

from . import growth, peers, precision, sampling, training
from .findings import HERE, RESULTS, Found, machine, row

QUESTIONS: dict[str, list[Callable[[], Found]]] = {
    "degradation": [partial(sampling.blur, "MNIST", 20, 1), partial(sampling.blur, "CIFAR-10", 50, 3)],
    "sampling": [partial(sampling.outside, *pair) for pair in (("inpaint", "mnist"), ("deblur", "cifar10"))],
    "training": [training.small],
    "training-mnist": [partial(training.paper, "MNIST", "mnist5k", T=20)],
    "training-cifar10": [partial(training.paper, "CIFAR-10", "photos", T=50)],
    "throughput": [training.throughput], "more-throughput": [training.more_throughput],
    "precision": [partial(precision.changes, "mnist", "mnist5k"),
                  partial(precision.changes, "cifar10", "photos")],
    "start-up": [sampling.start_up], "growth": [growth.curves], "peers": [peers.operators, peers.loops]}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("questions", nargs="*", choices=[*QUESTIONS, []])
parser.add_argument("--full", action="store_true", help="also growth")
chosen = parser.parse_args()
usual = [name for name in QUESTIONS if name != "peers" and (chosen.full or name != "growth")]
path = RESULTS / f"bench-{HERE.type}.json"
answers = json.loads(path.read_text())["answers"] if path.is_file() else {}
for name in chosen.questions or usual:
    torch.manual_seed(0)
    load = os.getloadavg()[0]  # above 1 before it: others use the machine
    found = {what: value for measure in QUESTIONS[name] for what, value in measure()}
    print(*(row(what, value) for what, value in found.items()), sep="\n", flush=True)
    answers[name] = {"load_average": [round(load, 1), round(os.getloadavg()[0], 1)], "found": found}
    path.write_text(json.dumps({"machine": machine(), "answers": answers}, indent=1) + "\n")
print(f"wrote {path}")
