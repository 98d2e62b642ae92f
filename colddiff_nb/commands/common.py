"""What commands share."""
from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colddiff_nb.degradations import Degradation, make

PYTHON, HERE = Path(sys.executable), Path.cwd()
PROGRAM = f"{PYTHON.relative_to(HERE) if PYTHON.is_relative_to(HERE) else 'python'} -m colddiff_nb"
if Path(sys.argv[0]).stem == "colddiff":
    PROGRAM = "colddiff"


@dataclass(kw_only=True)
class Shared:
    """Options of several commands."""

    data: Path | None = None
    """Where the data sets are, or are downloaded to; by default data/ in a clone, else your data folder."""
    plugin: Path | None = None
    """A Python file of yours to run first: it may register a degradation or a network."""


def what_is_next(*words: str | Path, **options: str | Path | None) -> str:
    """Return a line with a command that can be copied, with those of the options that are not None."""
    given = [word for name, value in options.items() if value for word in (f"--{name}", value)]
    return f"next: {PROGRAM} {shlex.join(map(str, [*words, *given]))}"


def with_options(degrade: Degradation, **options: Any) -> Degradation:
    """Return a degradation with other options; None leaves one as it is."""
    return make(**degrade.options | {name: value for name, value in options.items() if value is not None})
