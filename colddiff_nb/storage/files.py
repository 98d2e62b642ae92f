"""Writing into a run folder: all or nothing, one writer at a time, and errors that say what to do.

A file is written under a temporary name of its own in its folder, flushed to the disk, then renamed. A kill
leaves the old file, the new one, or a temporary file that the next `lock` or `checkpoint.save` removes.
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
from typing import BinaryIO

TEMPORARY = ".colddiff-tmp"
HEARTBEAT = 20.0  # seconds between the signs that a writer lives
STALE = 300.0  # seconds of silence after which another system takes over
WRITING = 5.0  # seconds that an unreadable lock file counts: it is being written
SOMEBODY = "another process that starts or ends just now"
DRIVE = Path("/content/drive")  # where Colab mounts Google Drive
MEND = "free space there or mount it again, or go on in another folder with --run DIR"


class CheckpointError(OSError):
    """One line: the file or folder, what is wrong with it, and what to do."""


@contextmanager
def explained(folder: Path, mend: str) -> Iterator[None]:
    """Turn the system's error, such as a full disk, into one that names the folder and the mend."""
    try:
        yield
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"cannot use {folder} ({error.strerror or error}): {mend}") from error


@contextmanager
def usable(path: str | Path) -> Iterator[None]:
    """Turn what an intact file of another kind or version raises into one line that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CheckpointError(f"{path} is intact, but does not fit here ({reason}): "
                              "choose another one") from error


def replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that `path` holds all of the old content or all of the new.

    The folder must exist: making it here would fill the empty mount point of a Drive that went away.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with open(temporary, "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(temporary, path)
        if path.stat().st_size != size:
            raise OSError(f"{path.name} is not as long as what was written")
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(OSError):  # makes the rename durable too, where a folder can be synced: not on Drive
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_mounted(path: str | Path) -> None:
    """Raise CheckpointError for a path on a Google Drive that is not mounted.

    What is written there would be lost. Under /content/drive that must be a mount point; mounted elsewhere,
    Drive has a folder MyDrive, which is never made here.
    """
    path = Path(path).resolve()
    for folder in (path, *path.parents):
        unmounted = folder == DRIVE and not os.path.ismount(folder)
        if unmounted or folder.name == "MyDrive" and not folder.is_dir():
            raise CheckpointError(f"{path} is on Google Drive, which is not mounted: mount it in Colab with "
                                  f"google.colab.drive.mount('{DRIVE}'), or choose another folder")


def make_folder(path: str | Path) -> None:
    """Make a folder, and those above it, if missing. Raises as check_mounted, and OSError."""
    check_mounted(path)
    Path(path).mkdir(parents=True, exist_ok=True)


def remove_temporary(folder: Path, *names: str) -> None:
    """Remove temporary files whose names begin so; name files that the caller alone writes."""
    for name in names:
        for path in folder.glob(f"{name}*{TEMPORARY}"):
            path.unlink(missing_ok=True)


def _process(pid: int) -> str | None:
    """What tells a running process from a later one of the same number; None when it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]  # the time it was started
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    with suppress(PermissionError):  # no /proc, as on macOS; another user's process runs
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
    return "running"


def _system() -> str:
    """What tells machines and containers of one host name apart: each counts its own processes."""
    parts = []
    with suppress(OSError):
        parts.append(Path("/etc/machine-id").read_text())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _holder(content: bytes, silence: float) -> str | None:
    """Who holds a lock file of this content, in words; None where a process that was killed left it."""
    try:
        owner = json.loads(content)
        here = (owner["host"], owner.get("system")) == (platform.node(), _system())
        alive = _process(int(owner["pid"])) == owner["process"] if here else silence < STALE
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

    File locks do not work on Drive, so the file names host and process. On its own system it counts while
    that process runs: after a kill the next one gets it at once. From another system it counts until it was
    not touched for STALE seconds.

    Yields:
        What to call before each write: it raises CheckpointError where another process took the lock over.

    Raises:
        CheckpointError: names who holds it.
    """
    folder, began = path.parent, time.monotonic()
    mine = json.dumps({
        "host": platform.node(), "system": _system(), "pid": os.getpid(), "process": _process(os.getpid()),
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
            if path.read_bytes() == mine:
                path.unlink()


@contextmanager
def lock(folder: str | Path) -> Iterator[Callable[[], None]]:
    """Hold a run's folder as its only writer: see `held`, whose check it gives."""
    folder = Path(folder)
    with held(folder / "run.lock") as check:
        with explained(folder, MEND):
            remove_temporary(folder, "run.lock", "step-", "curve.csv", "weights.safetensors")
        yield check
