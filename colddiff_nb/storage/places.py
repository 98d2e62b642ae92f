"""Where things lie: in a clone beside the package; an installed package holds no runs and no data."""
import os
from pathlib import Path

VARIABLE = "COLDDIFF_NB"  # of the environment, see notebook/settings.py
HOME = Path(__file__).resolve().parents[2]  # the folder that holds the package
CLONE = (HOME / "pyproject.toml").is_file()


def wishes() -> dict[str, str]:
    """Return the words of COLDDIFF_NB and their paths, such as {"smoke": "", "data": "/mnt/data"}."""
    words = (word.strip().partition("=") for word in os.environ.get(VARIABLE, "").split(","))
    return {name: path for name, _, path in words if name}


def data_folder() -> Path:
    """Return where data sets are kept: PATH of data=PATH, else data/ in a clone or the user's data folder."""
    if path := wishes().get("data"):
        return Path(path).expanduser().resolve()
    if CLONE:
        return HOME / "data"
    from platformdirs import user_data_path
    return user_data_path("colddiff_nb", appauthor=False)


def runs_folder() -> Path:
    """Return where runs are kept: PATH of runs=PATH, else runs/ in a clone or in the working folder."""
    path = wishes().get("runs") or (HOME if CLONE else Path.cwd()) / "runs"
    return Path(path).expanduser().resolve()
