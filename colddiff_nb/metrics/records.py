"""Records of scores: metrics.json beside weights, each cell with where it comes from, and tables of them."""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colddiff_nb.storage import files
from colddiff_nb.storage.lock import lock

CELL: dict[str, Any] = {  # what a record holds at least
    **dict.fromkeys(("task", "data", "split", "variant", "method", "measurement_precision"), str),
    **dict.fromkeys(("rmse", "ssim", "n"), (int, float)),
    "gain": (float, type(None)), "fid": (str, float), "provenance": dict}
METRICS = {  # the better end, and the digits shown
    "RMSE": ("min", 4), "SSIM": ("max", 4), "FID": ("min", 2), "class_accuracy": ("max", 3),
    "Frechet": ("min", 2), "gain": ("max", 2)}
SHARED = ["task", "data", "variant", "measurement_precision", "n"]  # by methods that are compared
COLUMNS = ["task", "data", "variant", "method", "measurement_precision", "RMSE", "SSIM", "FID", "resize",
           "class_accuracy", "Frechet", "gain", "n"]
TITLES = {"rmse": "RMSE", "ssim": "SSIM", "fid": "FID", "frechet": "Frechet"}


def read(folder: str | Path) -> list[dict[str, Any]]:
    """Read the cells recorded in a folder; none where nothing was recorded yet."""
    path = Path(folder, "metrics.json")
    try:
        cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
        if all(isinstance(cell[name], kind) for cell in cells for name, kind in CELL.items()):
            return cells
        raise ValueError("another kind of record")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: remove it, and score again") from error


def recorded(folder: str | Path, provenance: dict[str, Any]) -> dict[str, Any] | None:
    """Find the cell of this provenance. It may hold more than is asked for: FID, or a classifier's scores."""
    asked = {key: value for key, value in provenance.items() if value is not None}.items()
    return next((cell for cell in read(folder) if asked <= cell["provenance"].items()), None)


def record(folder: str | Path, cell: dict[str, Any]) -> None:
    """Add a cell, in the place of an older one of the same method, precision, degradation, images and n.

    One of the same weights whose FID comes from another Inception, in bfloat16 say, stays beside it.
    """
    def place(cell: dict[str, Any]) -> list[Any]:
        named = [cell[key] for key in ("method", "measurement_precision", "data", "split", "n")]
        return [*named, cell["provenance"].get("degradation")]

    def stays(other: dict[str, Any]) -> bool:
        mine, theirs = (of["provenance"].get("inception") for of in (cell, other))
        same_weights = other["provenance"] == cell["provenance"] | {"inception": theirs}
        return place(other) != place(cell) or (same_weights and theirs not in (None, mine))

    with lock(folder, "metrics", wait=600):  # it is held for a moment
        cells = [*filter(stays, read(folder)), cell]
        text = json.dumps({"cells": cells}, indent=1, allow_nan=False) + "\n"
        files.replace(Path(folder, "metrics.json"), text.encode())


def fid_protocol(cell: Mapping[str, Any]) -> str | None:
    """Say how images came to Inception: resize, rounding, precision if not float32; None without FID."""
    details = str(cell["provenance"].get("inception")).split(", ")[1:]
    if details and "unrounded" not in details:
        details.insert(1, "rounded to 8 bits")
    return ", ".join(detail for detail in details if detail != "unrounded") or None


def table(*sources: str | Path | Mapping[str, Any]) -> Any:
    """Return a pandas.DataFrame with a row a cell.

    The columns are COLUMNS, without those that are empty. The data set's split is named unless it is test.

    Args:
        sources: run folders that hold a metrics.json, or what `evaluate` returned.

    Raises:
        FileNotFoundError: a folder has no scores.
    """
    import pandas

    rows = []
    for source in sources:
        if not (cells := source["cells"] if isinstance(source, Mapping) else read(source)):
            raise FileNotFoundError(f"{source} has no metrics.json with scores: "
                                    "score a model into this folder first")
        for cell in cells:
            data = f"{cell['data']} {cell['split']}".removesuffix(" test")
            rows.append(cell | {"data": data, "resize": fid_protocol(cell)})
    frame = pandas.DataFrame(rows).rename(columns=TITLES).reindex(columns=COLUMNS)
    for name in METRICS:  # an FID that was not computed is a text
        frame[name] = pandas.to_numeric(frame[name], errors="coerce")
    return frame.dropna(axis="columns", how="all")


def _texts(frame: Any, best_as: str, other_as: str) -> Any:
    """A table as texts, the best of each metric marked among the methods that share SHARED."""
    shown, groups = frame.astype(object).where(frame.notna(), ""), frame.groupby(SHARED)
    for name in METRICS.keys() & frame.columns:
        best, decimals = METRICS[name]
        marked = (frame[name] == groups[name].transform(best)) & (groups[name].transform("count") > 1)
        for row, value in frame[name].dropna().items():
            shown.loc[row, name] = (best_as if marked[row] else other_as).format(f"{value:.{decimals}f}")
    return shown


def markdown(frame: Any) -> str:
    """Format a table as Markdown, the best of each metric in bold."""
    return _texts(frame, "**{}**", "{}").to_markdown(index=False, disable_numparse=True)


def plain(frame: Any) -> str:
    """Format a table for a terminal of 80 columns: a block for all that share SHARED, a star at the best."""
    blocks = []
    for (task, data, variant, precision, n), rows in _texts(frame, "{}*", "{} ").groupby(SHARED, sort=False):
        lines = [f"{task} on {data}, {variant}, from {precision}, {n:,} images"]
        lines += {f"FID: {text}" for text in rows.get("resize", ()) if text}
        scores = [name for name in METRICS if name in rows and rows[name].any()]
        blocks.append("\n".join([*lines, rows[["method", *scores]].to_string(index=False)]))
    return "\n\n".join(blocks)
