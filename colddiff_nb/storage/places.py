"""Where things lie: in a clone beside the package; an installed package holds no runs and no data."""
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]  # the folder that holds the package
CLONE = (HOME / "pyproject.toml").is_file()


def data_folder() -> Path:
    """Return where data sets are kept: data/ in a clone, else colddiff_nb/ in the user's data folder."""
    if CLONE:
        return HOME / "data"
    from platformdirs import user_data_path
    return user_data_path("colddiff_nb", appauthor=False)


def runs_folder() -> Path:
    """Return where runs are kept: runs/ in a clone, else in the working folder."""
    return (HOME if CLONE else Path.cwd()) / "runs"
