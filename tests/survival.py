"""A training that is killed, starved and damaged again and again, and must end as if nothing had happened.

`survive` is shared by test_kills.py and tools/soak.py. Each life of the training is a forked process, which costs no import.
"""
from __future__ import annotations

import csv
import errno
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from colddiff_nb import checkpoint, training
from colddiff_nb.data import Images
from colddiff_nb.files import TEMPORARY
from colddiff_nb.recipes import Recipe, recipe

KILLS = ("at any time", "before a save", "after a save", "in a half-written file", "before fsync", "after fsync", "before a rename",
         "after a rename", "before a deletion", "between optimiser and EMA")
FAULTS = ("disk full", "no write", "read-only", "input/output error", "folder gone", "Ctrl-C", "SIGTERM", "not a number", "cut short",
          "a flipped bit", "emptied", "foreign")
TINY: dict[str, Any] = {"steps": 24, "batch": 4, "widths": (8, 8, 8), "save_every": 3, "evaluate_every": 4, "learning_rate": 1e-3}
TRAININGS = (
    recipe("smoke", "superres", "mnist5k", **TINY, sampler_states=0.25),
    recipe("smoke", "inpaint", "mnist5k", **TINY | {"evaluate_every": 3}, accumulate=2, flip=True, precision="float32"),
    recipe("smoke", "deblur", "mnist5k", **TINY | {"save_every": 2}, T=5, measurement="8bit", schedule="constant", clip=0.0),
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


def at_call(owner: Any, name: str, moment: int, before: Callable | None = None, after: Callable | None = None) -> None:
    """Do something before or after the `moment`-th call of owner.name."""
    real, calls = getattr(owner, name), [0]

    def patched(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == moment and before:
            before(*arguments)
        result = real(*arguments, **options)
        if calls[0] == moment and after:
            changed = after(result)
            return result if changed is None else changed
        return result

    setattr(owner, name, patched)


def die(*ignored: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(event: str, chance: random.Random, folder: Path, tell: Callable) -> None:
    """In a life: let the event happen at a moment drawn from `chance`. Events of the files themselves happen between lives."""
    moment = chance.randint(1, 4)

    def fail(code: int) -> Callable:
        def raise_error(*ignored: Any) -> None:
            tell(happened=True)
            raise OSError(code, os.strerror(code))
        return raise_error

    def write_half(state: Any, file: io.BufferedRandom) -> None:
        whole = io.BytesIO()
        torch_save(state, whole)
        file.write(whole.getvalue()[:chance.randrange(1, len(whole.getvalue()))])
        file.flush()
        die()

    def starve(*ignored: Any) -> None:
        tell(happened=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (chance.randrange(5_000), resource.RLIM_INFINITY))

    def unmount(*ignored: Any) -> None:
        tell(happened=True)
        folder.rename(folder.with_name(f"unmounted-{folder.name}"))

    def send(number: int) -> Callable:
        def signal_itself(*ignored: Any) -> None:
            tell(happened=True)
            os.kill(os.getpid(), number)
        return signal_itself

    def poison(x0: torch.Tensor) -> torch.Tensor:
        tell(happened=True)
        return x0 * float("nan")

    torch_save = torch.save
    actions: dict[str, Callable[[], None]] = {
        "before a save": lambda: at_call(checkpoint, "save", moment, before=die),
        "after a save": lambda: at_call(checkpoint, "save", moment, after=die),
        "in a half-written file": lambda: at_call(torch, "save", moment, before=write_half),
        "before fsync": lambda: at_call(os, "fsync", 2 * moment, before=die),
        "after fsync": lambda: at_call(os, "fsync", 2 * moment, after=die),
        "before a rename": lambda: at_call(os, "replace", 2 * moment, before=die),
        "after a rename": lambda: at_call(os, "replace", 2 * moment, after=die),
        "before a deletion": lambda: at_call(Path, "unlink", 2 * moment, before=die),
        "between optimiser and EMA": lambda: at_call(training, "update_ema", 3 * moment, before=die),
        "disk full": lambda: at_call(os, "fsync", moment, before=fail(errno.ENOSPC)),
        "no write": lambda: at_call(training, "draw_batch", 2 * moment, before=starve),
        "read-only": lambda: at_call(os, "replace", moment, before=fail(errno.EROFS)),
        "input/output error": lambda: at_call(torch, "save", moment, before=fail(errno.EIO)),
        "folder gone": lambda: at_call(training, "draw_batch", 2 * moment, before=unmount),
        "Ctrl-C": lambda: at_call(training, "draw_batch", 2 * moment, before=send(signal.SIGINT)),
        "SIGTERM": lambda: at_call(training, "draw_batch", 2 * moment, before=send(signal.SIGTERM)),
        "not a number": lambda: at_call(training, "to_float", 2 * moment, after=poison),
    }
    actions.get(event, lambda: None)()


def damage(event: str, folder: Path, chance: random.Random) -> str | None:
    """Between lives: damage the newest checkpoint; returns its name, or None where there are not two."""
    found = sorted(folder.glob("step-*.pt"))
    if len(found) < 2:
        return None
    newest = found[-1]
    content = bytearray(newest.read_bytes())
    position = chance.randrange(len(content))
    content[position] ^= 1 << chance.randrange(8)
    newest.write_bytes({"cut short": bytes(content[:position]), "a flipped bit": bytes(content), "emptied": b"", "foreign": b"GIF89a" * 999}[event])
    return newest.name


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
        checkpoint.save = lambda folder, step, state: (save(folder, step, state), tell(saved=step))  # type: ignore[assignment,return-value]
        tempfile.tempdir = str(folder.parent)
        handler = signal.signal(signal.SIGTERM, lambda *ignored: None)
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        at_call(training, "draw_batch", 1, before=started)
        arm(event, random.Random(seed), folder, tell)
        until = None if event not in FAULTS[-4:] else max([0, *map(checkpoint._step, folder.glob("step-*"))]) + 2
        try:
            training.train(choice, folder, images=images, resume_from=resume_from, until=until, on_evaluate=weight,
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
    if event in KILLS or event in FAULTS[-4:] or life.finished:
        assert not kind, life.error
    elif event in ("Ctrl-C", "SIGTERM"):
        assert kind == {"Ctrl-C": "KeyboardInterrupt", "SIGTERM": "SystemExit"}[event], life.error
        assert "the same command goes on from there" in life.lines[-1], life.lines
    elif event == "not a number":
        assert kind == "FloatingPointError" and "learning_rate below" in message, life.error
    elif life.error[0]:
        assert kind == "CheckpointError" and str(folder) in message and "--run" in message, life.error
        assert event == "no write" or "--resume-from" in message, f"{event}: not rescued: {message}"


def chain(base: Path, choice: Recipe, events: list[str], chance: random.Random, done: Counter) -> None:
    """One training from its first step to its last, with as many of the events as come true on the way."""
    images = some_images()
    shutil.rmtree(base, ignore_errors=True)
    began = time.monotonic()
    training.train(choice, base / "whole", images=images, on_evaluate=weight, log=lambda line: None)
    seconds = time.monotonic() - began
    _, whole = checkpoint.newest(base / "whole") or (0, {})
    folder, rescue, safe, life = base / "run", None, 0, Life()
    while not life.finished:
        event = events[-1] if events else "none"
        bad = damage(event, folder, chance) if event in FAULTS[-4:] else None
        if event in FAULTS[-4:] and not bad:  # not two checkpoints yet
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
    assert final and final[0] == choice.steps and difference(final[1], whole) is None, difference(final and final[1], whole)
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
