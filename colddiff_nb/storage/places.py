"""Where things lie: in a clone beside the package; an installed package holds no runs and no data."""
import os
from pathlib import Path

VARIABLE = "COLDDIFF_NB"  # of the environment, see notebook/settings.py
HOME = Path(__file__).resolve().parents[2]  # the folder that holds the package
CLONE = (HOME / "pyproject.toml").is_file()


def data_folder() -> Path:
    """Return where data sets are kept, whatever the working folder is.

    That is PATH of the word data=PATH in COLDDIFF_NB, else data/ in a clone, else colddiff_nb/ in the user's
    data folder.
    """
    for word in os.environ.get(VARIABLE, "").split(","):
        name, _, path = word.strip().partition("=")
        if name == "data" and path:
            return Path(path).expanduser().resolve()
    if CLONE:
        return HOME / "data"
    from platformdirs import user_data_path
    return user_data_path("colddiff_nb", appauthor=False)


def runs_folder() -> Path:
    """Return where runs are kept: runs/ in a clone, else in the working folder."""
    return (HOME if CLONE else Path.cwd()) / "runs"
