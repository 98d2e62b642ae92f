"""What this project set out to reach, beside what it reached: direct reconstruction on the full test split."""
from __future__ import annotations

from collections.abc import Callable

from result_rows import PAIRS, Published
from result_tables import FROM, MISSING, SCORES, below, cases, markdown, number, verdict

from colddiff_nb.degradations import make

# pair, variant, measurement, metric, goal: set before the trainings, from a short prototype
GOALS = (("deblur-mnist", "T = 20", "float32", "RMSE", 0.115), ("deblur-mnist", "T = 40", "float32", "RMSE", 0.128),
         ("deblur-mnist", "T = 20", "8bit", "RMSE", 0.17), ("deblur-cifar10", "T = 50", "float32", "RMSE", 0.045),
         ("deblur-cifar10", "T = 50", "8bit", "RMSE", 0.085), ("superres-mnist", "T = 3", "float32", "RMSE", 0.110),
         ("superres-cifar10", "T = 3", "float32", "RMSE", 0.124), ("superres-cifar10", "T = 3", "float32", "SSIM", 0.42),
         ("inpaint-mnist", "T = 50", "float32", "RMSE", 0.055), ("inpaint-cifar10", "T = 50", "float32", "RMSE", 0.060))


def goals(published: Published) -> str:
    rows = []
    for pair, variant, precision, metric, goal in GOALS:
        key, digits, sign = SCORES[metric]
        row = published.best(pair, "direct", precision, variant, key)
        met = MISSING if row is None else verdict(sign * (row.cell[key] - goal) >= 0, row)
        rows.append((f"{PAIRS[pair]}, {variant}", FROM[precision], metric, f"{goal:.3f}", number(row, key, digits), met,
                     last_doubling(published, row.folder, variant, key) if row else "–"))
    return markdown("pair | from | metric | goal | measured | met | over the last doubling of the images", rows)


def targets(published: Published) -> str:
    """What was asked of every pair from float32: below the paper, Algorithm 2 near direct; and direct below the linear estimator from both."""
    rows = []
    for pair, variant, title in cases(published):
        direct, sampled = (published.best(pair, method, variant=variant) for method in ("direct", "algorithm2"))
        if not direct or not sampled or direct.images != sampled.images:
            continue
        printed = published.paper["pairs"][pair]
        ratio = sampled.cell["rmse"] / direct.cell["rmse"]
        least = (below(*(published.best(pair, method, precision, variant) for method in ("direct", "lmmse"))) for precision in FROM)
        beaten = (verdict(row.cell["rmse"] < printed[name]["RMSE"], row) for name, row in (("direct", direct), ("sampled", sampled)))
        rows.append((title, *beaten, f"{verdict(ratio <= 1.10, direct, sampled)} ({ratio:.2f})", *least))
    return markdown("pair | direct below the paper's | Algorithm 2 below the paper's | Algorithm 2 at most 1.10 x direct | "
                    "direct below the linear estimator | the same, from 8 bits", rows)


def last_doubling(published: Published, folder: str, variant: str, key: str) -> str:
    """What the last doubling of the images in training changed, on validation images: by the curve of a whole training where one was
    measured, else by that of the model's last stage."""
    record, T = published.read(f"curves/{folder}.json"), f"T = {make(*folder.removesuffix('-8bit').split('-')).T}"
    rows = record["rows"] if record else published.last_stage(folder)
    if not rows or f"{key}_direct" not in rows[-1]:
        return "–"
    after = rows[-1]
    before = next(row for row in rows if row["images"] >= after["images"] / 2)
    remarks = [f"from {T}"] * (variant != T) + ["then trained further"] * bool(record and published.images_since(folder, record))
    remarks += ["second half of the last stage"] * bool(not record and published.images_since(folder, {"rows": rows}))
    return ", ".join([f"{100 * (after[f'{key}_direct'] / before[f'{key}_direct'] - 1):+.1f} %", *remarks])


SECTIONS: dict[str, Callable[[Published], str]] = {"goals": goals, "targets": targets}
