"""A training that is killed, starved and damaged again and again, and must end as if nothing had happened.

`survive` is shared by test_kills.py and soak.py. Each life of the training is a forked process, which costs no import.
"""
from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from events import DAMAGE, KILLS, arm, at_call, damage

from colddiff_nb.data import Images
from colddiff_nb.storage import checkpoint
from colddiff_nb.storage.files import TEMPORARY
from colddiff_nb.training import Recipe, loop, recipe

TINY: dict[str, Any] = {"steps": 24, "batch": 4, "widths": (8, 8, 8), "save_every": 3, "evaluate_every": 4, "learning_rate": 1e-3}
TRAININGS = (
    recipe("smoke", "superres", "mnist5k", **TINY, rollout=0.25),
    recipe("smoke", "inpaint", "mnist5k", **TINY | {"evaluate_every": 3}, accumulate=2, flip=True, precision="float32"),
    recipe("smoke", "deblur", "mnist5k", **TINY | {"save_every": 2}, T=5, measurement_precision="8bit", schedule="constant", clip=0.0),
)


def some_images(n: int = 64, channels: int = 1) -> Images:
    pixels = torch.randint(256, (n, channels, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Images(pixels, torch.zeros(n, dtype=torch.long), "mnist5k", "train", "made up for this test")


def weight(step: int, network: torch.nn.Module) -> dict[str, float]:
    return {"weight": float(sum(parameter.double().sum() for parameter in network.parameters()))}


def curve(folder: Path, up_to: int = 1 << 40) -> list[dict[str, str]]:
    """Rows of curve.csv up to a step, without the wall time."""
    if not (folder / "curve.csv").exists():
        return []
    with open(folder / "curve.csv") as file:
        return [{key: value for key, value in row.items() if key != "seconds"}
                for row in csv.DictReader(file) if int(row["step"]) <= up_to]


def difference(a: Any, b: Any, where: str = "state") -> str | None:
    """The first place where two checkpoints differ in a bit; wall times aside."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        bits = [bytes(tensor.detach().contiguous().flatten().view(torch.uint8).numpy()) for tensor in (a, b)]
        return None if a.dtype == b.dtype and a.shape == b.shape and bits[0] == bits[1] else where
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [key for key in {**a, **b} if key != "seconds"]
        return next((found for key in keys if (found := difference(a.get(key), b.get(key), f"{where}[{key!r}]"))), None)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return next((found for i, pair in enumerate(zip(a, b)) if (found := difference(*pair, f"{where}[{i}]"))), None)
    return None if a == b else where


@dataclass
class Life:
    """What is known of one life of the training after its end."""

    saved: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    start: dict[str, Any] = field(default_factory=dict)
    happened: bool = False
    finished: bool = False
    error: tuple[str, str] = ("", "")


def live(choice: Recipe, images: Images, folder: Path, event: str, seed: int, resume_from: Path | None, seconds: float) -> Life:
    """Train in a forked process until the event ends it, or until the end."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(120)  # a hang ends as one

        def tell(**what: Any) -> None:
            os.write(write, (json.dumps(what) + "\n").encode())

        def started(recipe: Recipe, degrade: Any, n: int, step: int) -> None:
            tell(start={"step": step - 1, "curve": curve(folder), "files": sorted(path.name for path in folder.iterdir())})

        save = checkpoint.save

        def save_and_tell(folder: Path, step: int, state: dict) -> None:
            save(folder, step, state)
            tell(saved=step)

        checkpoint.save = save_and_tell  # type: ignore[assignment]
        tempfile.tempdir = str(folder.parent)
        handler = signal.signal(signal.SIGTERM, lambda *ignored: None)
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        at_call(loop, "draw_batch", 1, before=started)
        arm(event, random.Random(seed), folder, tell)
        until = None if event not in DAMAGE else max([0, *(int(path.stem[5:]) for path in folder.glob("step-*.pt"))]) + 2
        try:
            loop.train(choice, folder, images=images, resume_from=resume_from, until=until, on_evaluate=weight,
                           log=lambda line: tell(line=line))
            tell(finished=until is None)
        except BaseException as error:
            tell(error=(type(error).__name__, str(error)))
        if handlers != [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]:
            tell(error=("Handlers", f"not put back; {handler} before"))
        os._exit(0)
    os.close(write)
    if event == "at any time":
        time.sleep(random.Random(seed).uniform(0.1, 1) * seconds)
        os.kill(child, signal.SIGKILL)
    with open(read) as pipe:
        told = [json.loads(line) for line in pipe]
    status = os.waitpid(child, 0)[1]
    assert not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM), f"it hung after {told[-3:]}"
    life = Life(happened=os.WIFSIGNALED(status))
    for message in told:
        for key, value in message.items():
            if key in ("saved", "line"):
                getattr(life, {"saved": "saved", "line": "lines"}[key]).append(value)
            else:
                setattr(life, key, tuple(value) if key == "error" else value)
    return life


def check_end(event: str, life: Life, folder: Path) -> None:
    """The life ended as this event asks, with an error that says what to do."""
    kind, message = life.error
    assert "\n" not in message, message
    if event in KILLS or event in DAMAGE or life.finished:
        assert not kind, life.error
    elif event in ("Ctrl-C", "SIGTERM"):
        assert kind == {"Ctrl-C": "KeyboardInterrupt", "SIGTERM": "SystemExit"}[event], life.error
        assert "the same command goes on from there" in life.lines[-1], life.lines
    elif event == "not a number":
        assert kind == "FloatingPointError" and "learning_rate below" in message, life.error
    elif life.error[0]:
        assert kind == "CheckpointError" and str(folder) in message and "--run" in message, life.error
        at_start = not life.start  # when there was nothing new to rescue
        assert at_start or event == "no write" or "--resume-from" in message, f"{event}: not rescued: {message}"


def chain(base: Path, choice: Recipe, events: list[str], chance: random.Random, done: Counter) -> None:
    """One training from its first step to its last, with as many of the events as come true on the way."""
    images = some_images()
    shutil.rmtree(base, ignore_errors=True)
    began = time.monotonic()
    loop.train(choice, base / "whole", images=images, on_evaluate=weight, log=lambda line: None)
    seconds = time.monotonic() - began
    _, whole = checkpoint.newest(base / "whole") or (0, {})
    folder, rescue, safe, life = base / "run", None, 0, Life()
    while not life.finished:
        event = events[-1] if events else "none"
        bad = damage(event, folder, chance) if event in DAMAGE else None
        if event in DAMAGE and not bad:  # not two checkpoints yet
            event = "Ctrl-C"
        seed = chance.randrange(1 << 30)
        life = live(choice, images, folder, event, seed, rescue, seconds)
        check_end(event, life, folder)
        if life.start:
            step = life.start["step"]
            assert not [name for name in life.start["files"] if name.endswith(TEMPORARY)], life.start
            assert life.start["curve"] == curve(base / "whole", step), f"{event}: the curve was not cut back to step {step}"
            assert step >= safe or bad and any(bad in line for line in life.lines), f"{event}: {safe} was saved, {step} came back"
        safe = max([0 if bad else safe, *life.saved])
        if life.happened or bad:
            done[event] += 1
            if events and event == events[-1]:
                events.pop()
        if found := re.search(r"--resume-from (\S+)$", life.error[1]):
            rescue = Path(found[1])
        if event == "folder gone" and life.happened:
            folder = folder.with_name(folder.name + "-on")
            if rescue is None:  # gone before the first save, and it was not rescued either
                safe = 0
        elif life.start:
            kept = checkpoint.newest(folder, log=lambda line: None)
            assert not kept or all(torch.isfinite(tensor).all() for tensor in [*kept[1]["ema"].values(), *kept[1]["network"].values()])
    final = checkpoint.newest(folder)
    assert final and final[0] == choice.steps, f"it finished without its last checkpoint in {folder}"
    assert difference(final[1], whole) is None, difference(final[1], whole)
    assert curve(folder) == curve(base / "whole"), "the curves differ"
    weights, complete = (checkpoint.load_weights(place / "weights.safetensors")[0] for place in (folder, base / "whole"))
    assert difference(weights, complete) is None, "the exported weights differ"
    names = [sorted(path.name for path in place.iterdir() if path.suffix != ".pt") for place in (folder, base / "whole")]
    assert names[0] == names[1], names


def survive(base: Path, events: list[str], seed: int) -> Counter:
    """Let every event come true once, over as many trainings as it takes; AssertionError where anything was lost. Counts by event."""
    chance, left, done, number = random.Random(seed), list(events), Counter(), 0  # type: random.Random, list[str], Counter, int
    chance.shuffle(left)
    while left:
        chain(base, TRAININGS[number % len(TRAININGS)], left, chance, done)
        number += 1
    shutil.rmtree(base, ignore_errors=True)
    return done + Counter(trainings=number)


if __name__ == "__main__":  # python survival.py FOLDER SEED EVENT ...
    torch.set_num_threads(1)
    print(json.dumps(survive(Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2]))))
