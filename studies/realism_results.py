"""The model made for realism beside the one made for RMSE: results/realism/, which realism_longer trained."""
from __future__ import annotations

from studies.published import METHODS, Published
from studies.tables import FROM, MISSING, section, table

FOLDERS = {"made for RMSE": "superres-mnist", "made for realism": "realism/superres-mnist"}
SHOWN = {"rmse": 4, "ssim": 4, "fid": 2, "frechet": 1, "class_accuracy": 3}  # digits
HEAD = "model | from | method | RMSE | SSIM | FID | Frechet | class accuracy"


@section
def realism_table(published: Published) -> str:
    """Super-resolved digits, the full test split, by both models. Of a row scored twice the last is shown."""
    rows = []
    for precision, name in FROM.items():
        for method in ("direct", "algorithm2"):
            for model, folder in FOLDERS.items():
                cell = scored(published, folder, method, precision)
                rows.append((model, name, METHODS[method], *(shown(cell, key) for key in SHOWN)))
    return table(HEAD, rows)


@section
def realism_finding(published: Published) -> str:
    """FID and RMSE of direct reconstruction from 8 bits, before and after."""
    before, after = (scored(published, folder, "direct", "8bit") for folder in FOLDERS.values())
    paper = published.paper["pairs"]["superres-mnist"]["direct"]["FID"]
    return (f"Its FID from 8 bits went from {shown(before, 'fid')} to {shown(after, 'fid')}, its RMSE from "
            f"{shown(before, 'rmse')} to {shown(after, 'rmse')}. The paper's FID is {paper}.")


def scored(published: Published, folder: str, method: str, precision: str) -> dict:
    """The last scored cell of the test split; empty where there is none."""
    found = [cell for cell in published.cells(f"{folder}/metrics.json") if cell["split"] == "test"
             and (cell["method"], cell["measurement_precision"]) == (method, precision)]
    return found[-1] if found else {}


def shown(cell: dict, key: str) -> str:
    value = cell.get(key)
    return f"{value:.{SHOWN[key]}f}" if isinstance(value, float) else MISSING


@section
def realism_curve(published: Published) -> str:
    """The course of the training on validation digits."""
    record = published.read("realism/superres-mnist.json")
    if not record:
        return "Not run yet: `python -m studies run realism_longer`."
    rows = [(f"{row['images']:,.0f}", f"{row['fid_direct']:.1f}", f"{row['frechet_direct']:.1f}",
             f"{row['rmse_direct']:.4f}", f"{row['sharpness_direct']:.2f}") for row in record["curve"]]
    said = (f"{record['n']:,} validation digits, direct, {record['device']}, "
            f"{record['seconds']:.0f} s with scoring.")
    return f"{said}\n\n{table('images seen | FID | Frechet | RMSE | fine detail', rows)}"
