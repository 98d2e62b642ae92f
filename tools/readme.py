"""Publish what `make run` measured: runs/ -> results/quick-*, results/quick.png and the table in README.md.

    python tools/readme.py publish   copy the runs' scores and picture into results/, then write the table
    python tools/readme.py           write the table from results/
"""
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from colddiff_nb.results import table

ROOT = Path(__file__).resolve().parent.parent
TASKS = ("superres", "inpaint", "deblur")


def publish() -> None:
    for task in TASKS:
        folder = ROOT / f"results/quick-{task}-mnist5k"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("metrics.json", "curve.csv"):
            shutil.copy(ROOT / f"runs/quick-{task}-mnist5k" / name, folder)
    shutil.copy(ROOT / "runs/restored.png", ROOT / "results/quick.png")


def quick_table() -> str:
    """The first screen's table: a row for each task and method."""
    frame = table([ROOT / f"results/quick-{task}-mnist5k" for task in TASKS])
    lines = ["| task | method | RMSE | SSIM | still read as their digit |", "|---|---|---|---|---|"]
    for row in frame.itertuples():
        task, method = f"{row.task}, {row.variant}", row.method.replace("algorithm", "Algorithm ")
        lines.append(f"| {task} | {method} | {row.RMSE:.3f} | {row.SSIM:.3f} | {row.identity:.0%} |")
    return "\n".join(lines)


def with_table(readme: str, content: str) -> str:
    return re.sub(r"(<!-- quick -->\n).*?(<!-- /quick -->)", lambda match: f"{match[1]}{content}\n{match[2]}", readme, flags=re.S)


if __name__ == "__main__":
    if sys.argv[1:] == ["publish"]:
        publish()
    path = ROOT / "README.md"
    path.write_text(with_table(path.read_text(), quick_table()))
