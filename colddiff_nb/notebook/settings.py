"""What every notebook's setup cell calls: install what is missing, read COLDDIFF_NB, say so in one line.

COLDDIFF_NB holds words with commas between, such as "smoke,offline,runs=/content/drive/MyDrive/runs":

smoke       tiny sizes, for tests
offline     data sets that need no internet: mnist5k for mnist, photos for cifar10
runs=PATH   where runs are kept (default: runs/ in a clone, else in the working folder)
data=PATH   where data sets are kept, by commands too (default: data/ in a clone, else the user's data folder)
"""
from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import invalidate_caches, metadata
from pathlib import Path
from typing import Any

from colddiff_nb.storage import files, places

VARIABLE = places.VARIABLE
OFFLINE = {"mnist": "mnist5k", "cifar10": "photos"}


@dataclass(frozen=True)
class Settings:
    """What COLDDIFF_NB asks for, for a notebook to obey."""

    smoke: bool = False
    offline: bool = False
    runs: Path = field(default_factory=places.runs_folder)
    data: Path = field(default_factory=places.data_folder)
    home: Path = places.HOME  # the folder that holds the package, in a clone also results/

    @property
    def device(self) -> Any:
        """The torch.device to use."""
        from colddiff_nb.storage import runtime
        return runtime.device()

    def choose(self, full: Any, smoke: Any) -> Any:
        """Return the size for tests if they run, else the full one."""
        return smoke if self.smoke else full

    def dataset(self, name: str) -> str:
        """Return what to load for a data set: perhaps its offline counterpart."""
        return OFFLINE.get(name, name) if self.offline else name

    def __str__(self) -> str:
        runs = self.runs.relative_to(self.home) if self.runs.is_relative_to(self.home) else self.runs
        size, data = "smoke" if self.smoke else "full", "offline" if self.offline else "online"
        return f"device {self.device}, {size} size, {data} data, runs in {runs}"


def read() -> Settings:
    """Read COLDDIFF_NB. Raises ValueError for a word that is none of the four."""
    wishes = places.wishes()
    for word, path in wishes.items():
        if word not in (("runs", "data") if path else ("smoke", "offline")):
            raise ValueError(f"{VARIABLE} has the word {word!r}: "
                             "write smoke, offline, runs=PATH or data=PATH, with commas between")
    return Settings("smoke" in wishes, "offline" in wishes)


def setup() -> Settings:
    """Make the notebook ready and print one line about it.

    Raises ValueError (COLDDIFF_NB), CheckpointError (a Drive is not mounted), RuntimeError (pip failed).
    """
    settings = read()
    for folder in (settings.runs, settings.data):
        files.check_mounted(folder)
    installed = install()
    print(settings, f"; installed {', '.join(installed)}" * bool(installed), sep="")
    return settings


def install() -> list[str]:
    """Install what is missing, and say what it was; requirements that are met stay in their version."""
    pins, missing = [], []
    for wish in needed():
        name = re.split("[<>=!~ ]", wish)[0]
        try:
            pins.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(wish)
    if missing:
        # Without these options pip's last line is not the reason.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-color", "--disable-pip-version-check"]
        outcome = subprocess.run([*pip, *pins, *missing], check=False, capture_output=True, text=True)
        if outcome.returncode:
            reason = outcome.stderr.strip().split("\n")[-1] or "no reason given"
            raise RuntimeError(f"pip could not install {', '.join(missing)} ({reason}): "
                               "install it by hand, then run this cell again")
        invalidate_caches()
    return missing


def needed() -> list[str]:
    """Return the package's requirements with those of its notebooks, such as "numpy>=1.26"."""
    if not places.CLONE:
        wishes = metadata.requires("colddiff_nb") or []
        return [wish.split(";")[0] for wish in wishes if "extra ==" not in wish or '"notebooks"' in wish]
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        from pip._vendor import tomli as tomllib
    project = tomllib.loads((places.HOME / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["notebooks"]]


def long_runs(settings: Settings, use_drive: bool) -> tuple[Path, str]:
    """Return the folder for long runs, and a sentence on Google Drive."""
    if not use_drive:
        return settings.runs, "USE_DRIVE is False: runs stay on this machine."
    try:
        from google.colab import drive
        drive.mount(str(files.DRIVE))
        files.check_mounted(files.DRIVE)  # mount() takes an ordinary folder MyDrive for a mounted one
    except Exception as error:  # declined, blocked by the browser, no answer, or not in Colab
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return settings.runs, (f"Google Drive could not be mounted ({reason}): "
                               "runs stay on this machine and end with it.")
    return files.DRIVE / "MyDrive" / "colddiff", "Runs are kept on your Google Drive, in the folder colddiff."


def show(picture: Any, alt: str) -> None:
    """Display a matplotlib Figure (and close it) or a Pillow image, with text for who does not see it."""
    from IPython.display import display
    display(picture, exclude=["image/jpeg"], metadata={"image/png": {"alt": alt}})
    if hasattr(picture, "savefig"):
        import matplotlib.pyplot
        matplotlib.pyplot.close(picture)
