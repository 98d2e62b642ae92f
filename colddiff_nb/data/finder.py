"""A reader's files: found in any folder; one error names all that cannot be used."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

# Folders that disk stations, Macs and other systems make beside a reader's own, where they are not hidden.
SYSTEM = ("@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found")
MOST = 100  # damaged files that an error names
Content = TypeVar("Content")


def find_files(folder: Path, endings: Collection[str]) -> tuple[list[Path], list[Path]]:
    """Return the regular files below a folder with one of the endings, and the others, sorted.

    endings: in lower case. What is hidden, or lies in a folder named in SYSTEM, is in neither list. Links to
    folders are followed. Each folder is entered once, real ones before links: links cannot run in circles.
    """
    found: list[Path] = []
    others: list[Path] = []
    entered: set[Path] = set()
    waiting = deque([folder])
    while waiting:
        place = waiting.popleft()
        if place.resolve() in entered:
            continue
        entered.add(place.resolve())
        for path in sorted(place.iterdir()):
            if path.name.startswith(".") or path.name in SYSTEM:
                continue
            if path.is_dir() and path.is_symlink():
                waiting.append(path)
            elif path.is_dir():
                waiting.appendleft(path)
            else:
                wanted = path.is_file() and path.suffix.lower() in endings
                (found if wanted else others).append(path)
    return sorted(found), sorted(others)


def read_all(paths: Sequence[Path], read: Callable[[Path], Content]) -> list[Content]:
    """Return read(path) of each file.

    Raises one ValueError for all files for which `read` raised one of the form "what is wrong: what to do".
    """
    contents, errors = [], []
    for path in paths:
        try:
            contents.append(read(path))
        except ValueError as error:
            errors.append(str(error))
    if len(errors) == 1:
        raise ValueError(errors[0])
    if errors:
        reasons = [error.rpartition(": ")[0] for error in errors[:MOST]] + ["..."] * (len(errors) > MOST)
        raise ValueError(f"{len(errors)} of {len(paths)} files cannot be used, replace or remove them: "
                         + "; ".join(reasons))
    return contents


def count_and_names(paths: Sequence[Path], folder: Path) -> str:
    """Return how many files, and ten of their names from `folder` on: "2 ('a.txt', 'b/c.txt')"."""
    names = [repr(path.relative_to(folder).as_posix()) for path in paths[:10]]
    return f"{len(paths)} ({', '.join(names)}{', ...' if len(paths) > 10 else ''})"
