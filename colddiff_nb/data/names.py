"""Names of data sets: which there are, their channels, and one spelling for each folder."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsIndex

from torch import Tensor

CHANNELS = {"mnist": 1, "fashion": 1, "cifar10": 3, "mnist5k": 1, "photos": 3}
PREFIX = "folder:"  # of the name of a folder of the reader's own


def data_set(name: str) -> str:
    """Return the name of a data set in its one spelling, or raise ValueError if there is none.

    A path below the working directory becomes relative, others absolute: folder:./a/ is folder:a.
    """
    if not str(name).startswith(PREFIX):
        check_choice("data set", name, (*CHANNELS, f"{PREFIX}PATH"))
    if name in (*CHANNELS, PREFIX):
        return name
    path = Path(os.path.abspath(os.path.expanduser(name.removeprefix(PREFIX))))
    return PREFIX + (path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path).as_posix()


def channels(name: str) -> int:
    """Return the colour channels of a data set, 1 or 3."""
    return CHANNELS.get(data_set(name), 3)


def check_choice(kind: str, value: Any, choices: Iterable[str]) -> None:
    """Raise ValueError unless value is one of the choices."""
    if value not in tuple(choices):
        raise ValueError(f"unknown {kind} {value!r}: choose one of {', '.join(choices)}")


def check_whole(value: Any, least: int, most: int, message: str) -> None:
    """Raise ValueError(message) unless value is a whole number in least..most."""
    whole = isinstance(value, SupportsIndex) and not isinstance(value, bool | Tensor)
    if not whole or not least <= int(value) <= most:
        raise ValueError(message)
