"""What commands share: options, the command to type next, and the D of weights with other options."""
from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colddiff_nb.degradations import make

if TYPE_CHECKING:
    from colddiff_nb.weights.pretrained import Model

PYTHON = Path(sys.executable)
if Path(sys.argv[0]).stem == "colddiff":
    PROGRAM = "colddiff"
elif PYTHON.is_relative_to(Path.cwd()):
    PROGRAM = f"{PYTHON.relative_to(Path.cwd())} -m colddiff_nb"
else:
    PROGRAM = "python -m colddiff_nb"


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


def with_options(model: Model, severity: int | None, **options: Any) -> Model:
    """Return a model whose D has other options; None leaves one as it is.

    Raises:
        ValueError: the weights were not trained for that severity or size, or D has no such option.
    """
    network, degrade, metadata = model
    if severity is not None and not 1 <= severity <= degrade.T:
        raise ValueError(f"severity = {severity}: these weights were trained for severities 1..{degrade.T}")
    chosen = degrade.options | {name: value for name, value in options.items() if value is not None}
    if getattr(network, "only_size", None) not in (None, chosen["size"]):
        raise ValueError(f"size = {chosen['size']}: these weights restore {degrade.size} x {degrade.size} "
                         "images; leave it out, or train others with that size")
    return network, make(**chosen), metadata
