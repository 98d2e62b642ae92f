"""Writing into a run folder: all or nothing, one writer at a time, and errors that say what to do.

A file is written under a temporary name in its folder, flushed to the disk, then renamed. A kill at any moment leaves the old
file, the new one, or a temporary file that the next `lock` or `checkpoint.save` removes.
"""
from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".colddiff-tmp"
HEARTBEAT, STALE = 20.0, 300.0  # seconds: how often a writer shows that it lives; the silence after which another host takes over
DRIVE = Path("/content/drive")  # where Colab mounts Google Drive
MEND = "free space there or mount it again, or go on in another folder with --run DIR"


class CheckpointError(OSError):
    """One line: the file or folder, what is wrong with it, and what to do."""


@contextmanager
def explained(folder: Path, mend: str) -> Iterator[None]:
    """Turn the system's error (disk full, read-only, folder gone) into one that names the folder and the mend."""
    try:
        yield
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"cannot use {folder} ({error.strerror or error}): {mend}") from error


@contextmanager
def usable(path: str | Path) -> Iterator[None]:
    """One line for a file that is intact, but of another kind, or not as this version writes it."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CheckpointError(f"{path} is intact, but does not fit here ({reason}): choose another one") from error


def replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that `path` holds all of the old content or all of the new.

    The folder must exist: making it here would fill the empty mount point of a Drive that went away.
    """
    temporary = path.with_name(path.name + TEMPORARY)
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
    """Raise CheckpointError where `path` is on a Google Drive that is not mounted: what is written there would be lost.

    Under /content/drive that must be a mount point; mounted elsewhere, Drive has a folder MyDrive, which is never made here.
    """
    path = Path(path).resolve()
    for folder in (path, *path.parents):
        unmounted = folder == DRIVE and not os.path.ismount(folder)
        if unmounted or folder.name == "MyDrive" and not folder.is_dir():
            raise CheckpointError(f"{path} is on Google Drive, which is not mounted: mount it in Colab with "
                                  f"google.colab.drive.mount('{DRIVE}'), or choose another folder")


def make_folder(path: str | Path) -> None:
    """Make a folder, and those above it, where they are missing. Raises as check_mounted, and OSError."""
    check_mounted(path)
    Path(path).mkdir(parents=True, exist_ok=True)


def remove_temporary(folder: Path) -> None:
    for path in folder.glob("*" + TEMPORARY):
        path.unlink(missing_ok=True)


def _process(pid: int) -> str | None:
    """What tells a running process from a later one of the same number; None when it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]  # the time it was started
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    with suppress(PermissionError):  # a system without /proc, such as macOS; another user's process may not be asked, but runs
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
    return "running"


def _holder(path: Path) -> str | None:
    """Who holds this lock file, in words; None when it is not there, or left behind by a process that was killed."""
    try:
        silence = time.time() - path.stat().st_mtime
        owner = json.loads(path.read_text())
        here = owner["host"] == platform.node()
        alive = _process(int(owner["pid"])) == owner["process"] if here else silence < STALE
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}" if alive else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Hold `folder` (made when missing) as its only writer; a second one gets a CheckpointError that names the first.

    File locks do not work on Drive, so `run.lock` names host and process. On its own host it counts while that process runs: a
    run that was killed starts again at once. From another host it counts until it was not touched for STALE seconds.
    """
    folder = Path(folder)
    path = folder / "run.lock"
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    mine = json.dumps({"host": platform.node(), "pid": os.getpid(), "process": _process(os.getpid()), "since": since}).encode()
    with explained(folder, MEND):
        make_folder(folder)
        holder = _holder(path)
        if holder is None:
            path.unlink(missing_ok=True)
            try:
                with open(path, "xb") as file:
                    file.write(mine)
            except FileExistsError:
                holder = "another process that starts just now"
        if holder:
            raise CheckpointError(f"{folder} is in use by {holder}: stop it, or choose another --run DIR (if it is gone, delete {path})")
        remove_temporary(folder)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT):
            with suppress(OSError):
                if path.read_bytes() == mine:
                    with open(path, "r+b") as file:  # the same bytes again: a new time, and never an empty file
                        file.write(mine)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        with suppress(OSError):
            if path.read_bytes() == mine:
                path.unlink()
