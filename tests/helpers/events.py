"""What may befall a training: kills, faults of the disk, signals, numbers gone bad, damaged files. survival.py lets them happen."""
from __future__ import annotations

import errno
import os
import random
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from colddiff_nb.storage import checkpoint
from colddiff_nb.training import loop, rollout

KILLS = ("at any time", "before a save", "after a save", "in a half-written file", "before fsync", "after fsync", "before a rename",
         "after a rename", "before a deletion", "between optimiser and EMA")
FAULTS = ("disk full", "no write", "read-only", "input/output error", "folder gone", "Ctrl-C", "SIGTERM", "not a number", "cut short",
          "a flipped bit", "emptied", "foreign")
DAMAGE = FAULTS[-4:]  # done to the newest checkpoint between two lives


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

    def write_half(file: int) -> None:
        os.ftruncate(file, chance.randrange(os.fstat(file).st_size))
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

    actions: dict[str, Callable[[], None]] = {
        "before a save": lambda: at_call(checkpoint, "save", moment, before=die),
        "after a save": lambda: at_call(checkpoint, "save", moment, after=die),
        "in a half-written file": lambda: at_call(os, "fsync", 2 * moment, before=write_half),
        "before fsync": lambda: at_call(os, "fsync", 2 * moment, before=die),
        "after fsync": lambda: at_call(os, "fsync", 2 * moment, after=die),
        "before a rename": lambda: at_call(os, "replace", 2 * moment, before=die),
        "after a rename": lambda: at_call(os, "replace", 2 * moment, after=die),
        "before a deletion": lambda: at_call(Path, "unlink", 2 * moment, before=die),
        "between optimiser and EMA": lambda: at_call(loop, "update_ema", 3 * moment, before=die),
        "disk full": lambda: at_call(os, "fsync", moment, before=fail(errno.ENOSPC)),
        "no write": lambda: at_call(loop, "draw_batch", 2 * moment, before=starve),
        "read-only": lambda: at_call(os, "replace", moment, before=fail(errno.EROFS)),
        "input/output error": lambda: at_call(torch, "save", moment, before=fail(errno.EIO)),
        "folder gone": lambda: at_call(loop, "draw_batch", 2 * moment, before=unmount),
        "Ctrl-C": lambda: at_call(loop, "draw_batch", 2 * moment, before=send(signal.SIGINT)),
        "SIGTERM": lambda: at_call(loop, "draw_batch", 2 * moment, before=send(signal.SIGTERM)),
        "not a number": lambda: at_call(rollout, "to_float", 2 * moment, after=poison),
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
