"""One writer at a time: a lock file that also works on Google Drive, where the system's locks do not.

It names host and process. On its own system it counts while that process runs: after a kill the next one gets
it at once. From another system it counts until it was not touched for STALE seconds.
"""
from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from colddiff_nb.storage.files import (
    MEND,
    TEMPORARY,
    CheckpointError,
    explained,
    make_folder,
    remove_temporary,
    replace,
)

HEARTBEAT = 20.0  # seconds between the signs that a writer lives
STALE = 300.0  # seconds of silence after which another system takes over
WRITING = 5.0  # seconds that an unreadable lock file counts: it is being written
CLOCK = 60.0  # seconds that a clock may be set by while a lock is held
SOMEBODY = "another process that starts or ends just now"


def _started(pid: int) -> float | None:
    """When a running process started, which tells it from others of its number; None once it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _system() -> str | None:
    """What tells containers of one host name apart: each counts its own processes."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return None


def _read(path: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def _holder(content: bytes, silence: float) -> str | None:
    """Who holds a lock file of this content, in words; None where a process that was killed left it."""
    try:
        owner = json.loads(content)
        alive = silence < STALE
        if (owner["host"], owner.get("system")) == (platform.node(), _system()):
            started = _started(int(owner["pid"]))
            alive = started is not None and abs(started - owner["started"]) < CLOCK
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}" if alive else None
    except (ValueError, KeyError, TypeError):
        return SOMEBODY if silence < WRITING else None


def _take(path: Path, mine: bytes) -> str | None:
    """Make this lock file ours; else say who holds it.

    A file that was left behind is replaced only under a second lock, named after what the file says. So one
    process gets it of all that find it at the same time, and none replaces what another has just put there.
    """
    try:
        with open(path, "xb") as file:
            file.write(mine)
    except FileExistsError:
        try:
            silence, left = time.time() - path.stat().st_mtime, path.read_bytes()
        except FileNotFoundError:
            return SOMEBODY
        second = path.with_name(f"{path.name}.{hashlib.sha256(left).hexdigest()[:8]}{TEMPORARY}")
        if holder := _holder(left, silence) or _take(second, mine):
            return holder
        try:
            if _read(path) == left:
                replace(path, lambda file: file.write(mine))
        finally:
            second.unlink(missing_ok=True)
    return None if _read(path) == mine else SOMEBODY


@contextmanager
def held(path: Path, wait: float = 0) -> Iterator[Callable[[], None]]:
    """Hold a lock file, waiting up to `wait` seconds; make its folder if missing.

    Yields:
        What to call before each write: it raises CheckpointError where another process took the lock over.

    Raises:
        CheckpointError: names who holds it.
    """
    folder, began = path.parent, time.monotonic()
    mine = json.dumps({
        "host": platform.node(), "system": _system(), "pid": os.getpid(), "started": _started(os.getpid()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"), "token": secrets.token_hex(4)}).encode()
    with explained(folder, MEND):
        make_folder(folder)
        while holder := _take(path, mine):
            if time.monotonic() - began >= max(wait, 2 * WRITING if holder == SOMEBODY else 0):
                raise CheckpointError(f"{folder} is in use by {holder}: stop it, or choose another --run DIR "
                                      f"(if it is gone, delete {path})")
            time.sleep(0.05)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT):
            with suppress(OSError), open(path, "r+b") as file:
                if file.read() == mine:  # the same bytes again: a new time, and never an empty file
                    file.seek(0)
                    file.write(mine)

    def check() -> None:
        with explained(folder, MEND):
            content = _read(path)
        if content != mine and folder.is_dir():
            raise CheckpointError(f"another process took {folder} over: this one writes nothing more there")

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield check
    finally:
        ended.set()
        heart.join()
        with suppress(OSError):
            if _read(path) == mine:
                path.unlink()


@contextmanager
def lock(folder: str | Path) -> Iterator[Callable[[], None]]:
    """Hold a run's folder as its only writer: see `held`, whose check it gives."""
    folder = Path(folder)
    with held(folder / "run.lock") as check:
        with explained(folder, MEND):
            remove_temporary(folder, "run.lock", "step-", "curve.csv", "weights.safetensors")
        yield check
