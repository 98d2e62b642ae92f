"""Writing files all or nothing, and errors that say what to do.

A file is written under a temporary name of its own in its folder, flushed to the disk, then renamed. A kill
leaves the old file, the new one, or a temporary file that the next `lock` removes.
"""
from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".colddiff-tmp"
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


def replace(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that `path` holds all of the old content or all of the new.

    The folder must exist: making it here would fill the empty mount point of a Drive that went away.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def check_mounted(path: str | Path) -> None:
    """Raise CheckpointError for a path on a Google Drive that is not mounted: files there would be lost.

    /content/drive must be a mount point; mounted elsewhere, Drive has a folder MyDrive, never made here.
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
