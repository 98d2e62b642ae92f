"""Publish what `make run`, `make bench` and the scoring tools measured in README.md: results/ -> its tables.

    python tools/readme.py publish   copy the quick runs' scores and picture from runs/ into results/, then write the tables
    python tools/readme.py           write the tables from results/
"""
import json
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import result_paper
from bench.findings import written
from result_rows import Published

from colddiff_nb.evaluation import table

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
        lines.append(f"| {task} | {method} | {row.RMSE:.3f} | {row.SSIM:.3f} | {row.class_accuracy:.0%} |")
    return "\n".join(lines)


def bench_tables(results: Path) -> str:
    """For every device that `make bench` ran on, its ratios: seconds say more about the machine than about the code."""
    parts = []
    for path in sorted(results.glob("bench-c*.json")):
        bench = json.loads(path.read_text())
        machine, answers = bench["machine"], bench["answers"]
        load = max(answer["load_average"][0] for name, answer in answers.items() if name != "precision")  # which is no time
        lines = [f"On {machine['processor']}, {machine['threads']} threads, torch {machine['torch']}; load average before it at most {load}:", "",
                 "| measured | | goal |", "|---|---|---|"]
        for answer in answers.values():
            for what, found in answer["found"].items():
                if found["unit"] != "seconds":
                    goal = f"{found['goal']}: {'met' if found['met'] else '**missed**'}" if "goal" in found else ""
                    lines.append(f"| {what} | {written(found)} | {goal} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or "Not measured yet."


def build(readme: str, results: Path = ROOT / "results") -> str:
    """README.md with its tables written again."""
    readme = with_part(readme, "quick", quick_table())
    readme = with_part(readme, "results", result_paper.summary(Published(results)))
    return with_part(readme, "bench", bench_tables(results))


def with_part(readme: str, name: str, content: str) -> str:
    return re.sub(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda match: f"{match[1]}{content}\n{match[2]}", readme, flags=re.S)


if __name__ == "__main__":
    if sys.argv[1:] == ["publish"]:
        publish()
    path = ROOT / "README.md"
    path.write_text(build(path.read_text()))
