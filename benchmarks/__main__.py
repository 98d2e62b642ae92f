"""make bench: the questions in turn; results/bench-<device>.json is written after each.

    python -m benchmarks                     all of them, under 10 minutes on two idle cores
    python -m benchmarks sampling start-up   these only: their answers replace the old ones in the file
    python -m benchmarks --full              also the growth curves
    python -m benchmarks peers               other libraries beside ours: deepinv, denoising-diffusion-pytorch
"""
import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from . import degradation, growth, peers, precision, sampling, throughput, training
from .findings import HERE, Finding, machine, row

RESULTS = Path(__file__).resolve().parents[1] / "results"
QUESTIONS: dict[str, Callable[[], dict[str, Finding]]] = {
    "degradation": degradation.measure, "sampling": sampling.measure, "training": training.small,
    "training-mnist": training.paper_mnist, "training-cifar10": training.paper_cifar10,
    "throughput": throughput.measure, "precision": precision.measure, "start-up": sampling.start_up,
    "growth": lambda: growth.measure(RESULTS), "peers": peers.measure}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", choices=[*QUESTIONS, []], help="by default all but growth")
    parser.add_argument("--full", action="store_true", help="also how the cost grows")
    parser.add_argument("--peers", action="store_true",
                        help="also deepinv and denoising-diffusion-pytorch, which pip must have installed")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    chosen = parser.parse_args()
    path = chosen.results / f"bench-{HERE.type}.json"
    answers = json.loads(path.read_text())["answers"] if path.is_file() else {}
    asked = {"growth": chosen.full, "peers": chosen.peers}
    for name in chosen.questions or [name for name in QUESTIONS if asked.get(name, True)]:
        question = partial(growth.measure, chosen.results) if name == "growth" else QUESTIONS[name]
        answers[name] = answer(question)
        ordered = {name: answers[name] for name in QUESTIONS if name in answers}
        path.write_text(json.dumps({"machine": machine(), "answers": ordered}, indent=1) + "\n")
    print(f"wrote {path}")


def answer(question: Callable[[], dict[str, Finding]]) -> dict[str, Any]:
    """What was found, and how busy the machine was: above 1 before a question, others were using it."""
    torch.manual_seed(0)
    before, began = os.getloadavg()[0], time.perf_counter()
    found = question()
    print(*(row(what, value) for what, value in found.items()), sep="\n", flush=True)
    minutes = round((time.perf_counter() - began) / 60, 2)
    return {"minutes": minutes, "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
            "found": found}


if __name__ == "__main__":
    main()
