"""What every notebook's setup cell calls: install what is missing, read COLDDIFF_NB, say so in one line.

COLDDIFF_NB holds words with commas between, such as "smoke,offline,runs=/content/drive/MyDrive/runs":

smoke       tiny sizes, for tests
offline     data sets that need no internet: mnist5k for mnist, photos for cifar10
runs=PATH   where runs are kept (default: runs/ in a clone, else in the working folder)
data=PATH   where data sets are kept, by commands too (default: data/ in a clone, else the user's data folder)
"""
from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from colddiff_nb.storage import files, places

VARIABLE = places.VARIABLE
OFFLINE = {"mnist": "mnist5k", "cifar10": "photos"}
Value = TypeVar("Value")


@dataclass(frozen=True)
class Settings:
    """What COLDDIFF_NB asks for."""

    smoke: bool = False
    offline: bool = False
    runs: Path = field(default_factory=places.runs_folder)
    data: Path = field(default_factory=places.data_folder)
    home: Path = places.HOME  # the folder that holds the package, in a clone also results/

    @property
    def device(self) -> Any:
        """The torch.device to use: CUDA, else MPS, else the CPU."""
        from colddiff_nb.storage import runtime
        return runtime.device()

    def choose(self, full: Value, smoke: Value) -> Value:
        """Return the size to use: `smoke` for tests, else `full`."""
        return smoke if self.smoke else full

    def dataset(self, name: str) -> str:
        """Return the data set to load for `name`: its offline counterpart if COLDDIFF_NB says offline."""
        return OFFLINE.get(name, name) if self.offline else name

    def __str__(self) -> str:
        runs = self.runs.relative_to(self.home) if self.runs.is_relative_to(self.home) else self.runs
        size, data = "smoke" if self.smoke else "full", "offline" if self.offline else "online"
        return f"device {self.device}, {size} size, {data} data, runs in {runs}"


def read(text: str) -> Settings:
    """Read a value of COLDDIFF_NB. Raises ValueError for a word that is none of the four."""
    found: dict[str, Any] = {}
    for word in filter(None, map(str.strip, text.split(","))):
        name, _, path = word.partition("=")
        if word in ("smoke", "offline"):
            found[word] = True
        elif name in ("runs", "data") and path:
            found[name] = Path(path).expanduser().resolve()
        else:
            raise ValueError(f"{VARIABLE} has the word {word!r}: "
                             "write smoke, offline, runs=PATH or data=PATH, with commas between")
    return Settings(**found)


def setup() -> Settings:
    """Make the notebook ready and print one line about it. Safe to run again.

    Raises ValueError (COLDDIFF_NB), CheckpointError (a Drive is not mounted), RuntimeError (pip failed).
    """
    settings = read(os.environ.get(VARIABLE, ""))
    for folder in (settings.runs, settings.data):
        files.check_mounted(folder)
    installed = install()
    print(settings, f"; installed {', '.join(installed)}" if installed else "", sep="")
    return settings


def install() -> list[str]:
    """Install what is missing; everything present stays in its version. Return what was installed."""
    missing = [wish for wish in needed() if not is_installed(wish)]
    if not missing:
        return []
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join(present()))
        # Without these the last line is not the reason.
        plain = ["--quiet", "--no-color", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "install", *plain, "--constraint", str(constraints), *missing]
        outcome = subprocess.run(command, check=False, capture_output=True, text=True)
    if outcome.returncode:
        reason = (outcome.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeError(f"pip could not install {', '.join(missing)} ({reason}): "
                           "install it by hand, then run this cell again")
    importlib.invalidate_caches()
    return missing


def needed() -> list[str]:
    """Return the package's requirements with those of its notebooks, such as "numpy>=1.26"."""
    if not places.CLONE:
        wishes = importlib.metadata.requires("colddiff_nb") or []
        return [wish.split(";")[0] for wish in wishes if "extra ==" not in wish or '"notebooks"' in wish]
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        from pip._vendor import tomli as tomllib
    project = tomllib.loads((places.HOME / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["notebooks"]]


def is_installed(wish: str) -> bool:
    """Whether the project that a requirement names is there, in any version."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return bool(importlib.metadata.version(re.split("[<>=!~ ]", wish)[0]))
    return False


def present() -> list[str]:
    """Return NAME==VERSION of what is installed: each name once, as Python finds it."""
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    names = {canonicalize_name(found.metadata["Name"] or "") for found in importlib.metadata.distributions()}
    pins = []
    for name in filter(re.compile("[a-z0-9]+(-[a-z0-9]+)*").fullmatch, names):
        # Both are signs of a broken installation.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, InvalidVersion):
            pins.append(f"{name}=={Version(importlib.metadata.version(name) or '')}")
    return pins


def long_runs(settings: Settings, use_drive: bool) -> tuple[Path, str]:
    """Return the folder for long runs, and a sentence: is it on Google Drive, and if not, why."""
    if not use_drive:
        return settings.runs, "USE_DRIVE is False: runs stay on this machine."
    try:
        from google.colab import drive
        drive.mount(str(files.DRIVE))
        if not os.path.ismount(files.DRIVE):  # mount() takes an ordinary folder MyDrive for a mounted one
            raise OSError(f"{files.DRIVE} is an ordinary folder: rename it and run this cell again")
    except ImportError:
        return settings.runs, "This is not Colab: runs stay on this machine."
    except Exception as error:  # declined, blocked by the browser, or no answer; Colab raises several kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return settings.runs, (f"Google Drive could not be mounted ({reason}): "
                               "runs stay on this machine and end with it.")
    return files.DRIVE / "MyDrive" / "colddiff", "Runs are kept on your Google Drive, in the folder colddiff."


def show(picture: Any, alt: str) -> None:
    """Display a matplotlib Figure (and close it) or a Pillow image, with text for who does not see it."""
    from IPython.display import display

    # A Pillow image would come as JPEG, too.
    display(picture, exclude=["image/jpeg"], metadata={"image/png": {"alt": alt}})
    if hasattr(picture, "savefig"):
        import matplotlib.pyplot
        matplotlib.pyplot.close(picture)
