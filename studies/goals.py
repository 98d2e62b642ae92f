"""What this project set out to reach, beside what it reached; and what was not run."""
from __future__ import annotations

from colddiff_nb.degradations import make
from studies.published import METHODS, PAIRS, Published
from studies.tables import FROM, MISSING, SCORES, below, cases, change, number, section, table, verdict

# pair, variant, measurement, metric, goal: set before the trainings, from a short prototype
GOALS = (("deblur-mnist", "T = 20", "float32", "RMSE", 0.115), ("deblur-mnist", "T = 40", "float32", "RMSE", 0.128),
         ("deblur-mnist", "T = 20", "8bit", "RMSE", 0.17), ("deblur-cifar10", "T = 50", "float32", "RMSE", 0.045),
         ("deblur-cifar10", "T = 50", "8bit", "RMSE", 0.085), ("superres-mnist", "T = 3", "float32", "RMSE", 0.110),
         ("superres-cifar10", "T = 3", "float32", "RMSE", 0.124), ("superres-cifar10", "T = 3", "float32", "SSIM", 0.42),
         ("inpaint-mnist", "T = 50", "float32", "RMSE", 0.055), ("inpaint-cifar10", "T = 50", "float32", "RMSE", 0.060))


@section
def goals(published: Published) -> str:
    """Direct reconstruction on the full test split."""
    rows = []
    for pair, variant, precision, metric, goal in GOALS:
        key, digits, sign = SCORES[metric]
        row = published.best(pair, "direct", precision, variant, key)
        met = MISSING if row is None else verdict(sign * (row.cell[key] - goal) >= 0, row)
        rows.append((f"{PAIRS[pair]}, {variant}", FROM[precision], metric, f"{goal:.3f}", number(row, key, digits), met,
                     last_doubling(published, row.folder, variant, key) if row else "–"))
    return table("pair | from | metric | goal | measured | met | over the last doubling of the images", rows)


def last_doubling(published: Published, folder: str, variant: str, key: str) -> str:
    """What the last doubling of the images in training changed, on validation images.

    By the curve of a whole training where one was measured, else by that of the model's last stage.
    """
    record, T = published.read(f"curves/{folder}.json"), f"T = {make(*folder.removesuffix('-8bit').split('-')).T}"
    stage = [{name: float(value) for name, value in row.items() if value} for row in published.csv(f"{folder}/curve")]
    rows = record["rows"] if record else stage
    if not rows or f"{key}_direct" not in rows[-1]:
        return "–"
    after = rows[-1]
    before = next(row for row in rows if row["images"] >= after["images"] / 2)
    remarks = [change(after[f"{key}_direct"], before[f"{key}_direct"])] + [f"from {T}"] * (variant != T)
    if published.images_since(folder, {"rows": rows}):
        remarks.append("then trained further" if record else "second half of the last stage")
    return ", ".join(remarks)


@section
def targets(published: Published) -> str:
    """What was asked of every pair: direct below the paper and least squares, Algorithm 2 near direct."""
    rows = []
    for pair, variant, title in cases(published):
        direct, sampled = (published.best(pair, method, variant=variant) for method in ("direct", "algorithm2"))
        if not direct or not sampled or direct.images != sampled.images:
            continue
        printed = published.paper["pairs"][pair]
        ratio = sampled.cell["rmse"] / direct.cell["rmse"]
        least = (below(*(published.best(pair, method, precision, variant) for method in ("direct", "lmmse")))
                 for precision in FROM)
        beaten = (verdict(row.cell["rmse"] < printed[name]["RMSE"], row)
                  for name, row in (("direct", direct), ("sampled", sampled)))
        rows.append((title, *beaten, f"{verdict(ratio <= 1.10, direct, sampled)} ({ratio:.2f})", *least))
    return table("pair | direct below the paper's | Algorithm 2 below the paper's | Algorithm 2 at most 1.10 x direct | "
                 "direct below the linear estimator | the same, from 8 bits", rows)


@section
def not_run(published: Published) -> str:
    lines = []
    for pair, variant, title in cases(published):
        missing = [f"{METHODS[method]} from {FROM[precision]}" for precision in FROM for method in METHODS
                   if not ((row := published.best(pair, method, precision, variant)) and row.full)]
        if missing:
            lines.append(f"- {title}, not on the full test split: {', '.join(missing)}.")
        for precision, name in FROM.items():
            missing = [METHODS[method] for method in METHODS
                       if not published.best(pair, method, precision, variant, "fid")]
            if missing:
                lines.append(f"- {title}, no FID from {name}: {', '.join(missing)}.")
    eight = [pair for pair in PAIRS if pair.startswith("deblur") and f"{pair}-8bit" not in published.models]
    lines += [f"- A model made for 8-bit measurements: {', '.join(eight)}."] * bool(eight) + [
        "- The paper's networks, and its 700,000 steps, with any of the tasks.", "- Further seeds of the shipped models."]
    kinds = {
        "Scores over a whole training": [name for name in published.models
                                         if published.read(f"curves/{name}.json") is None],
        "Identity and Frechet, not of all rows": [
            title for pair, title in PAIRS.items()
            if any(row.pair == pair and row.number("class_accuracy") is None for row in published.rows)]}
    lines += [f"- {kind}: {', '.join(names)}." for kind, names in kinds.items() if names]
    return "\n".join(lines)
