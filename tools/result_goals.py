"""What this project set out to reach, beside what it reached: direct reconstruction on the full test split."""
from __future__ import annotations

from collections.abc import Callable

from result_rows import PAIRS, Published
from result_tables import FROM, MISSING, SCORES, markdown, number, verdict

# pair, variant, measurement, metric, goal: set before the trainings, from a short prototype
GOALS = (("deblur-mnist", "T = 20", "float32", "RMSE", 0.115), ("deblur-mnist", "T = 40", "float32", "RMSE", 0.128),
         ("deblur-mnist", "T = 20", "8bit", "RMSE", 0.17), ("deblur-cifar10", "T = 50", "float32", "RMSE", 0.045),
         ("deblur-cifar10", "T = 50", "8bit", "RMSE", 0.085), ("superres-mnist", "T = 3", "float32", "RMSE", 0.110),
         ("superres-cifar10", "T = 3", "float32", "RMSE", 0.124), ("superres-cifar10", "T = 3", "float32", "SSIM", 0.42),
         ("inpaint-mnist", "T = 50", "float32", "RMSE", 0.055), ("inpaint-cifar10", "T = 50", "float32", "RMSE", 0.060))


def goals(published: Published) -> str:
    rows = []
    for pair, variant, measurement, metric, goal in GOALS:
        key, digits, sign = SCORES[metric]
        row = published.best(pair, "direct", measurement, variant, key)
        met = MISSING if row is None else verdict(sign * (row.cell[key] - goal) >= 0, row)
        rows.append((f"{PAIRS[pair]}, {variant}", FROM[measurement], metric, f"{goal:.3f}", number(row, key, digits), met,
                     last_doubling(published, row.folder, variant, key) if row else "–"))
    return markdown("pair | from | metric | goal | measured | met | over the last doubling of the images", rows)


def last_doubling(published: Published, folder: str, variant: str, key: str) -> str:
    """What the last doubling of the images in training changed, on validation images, where its curve was measured."""
    record = published.read(f"curves/{folder}.json")
    if not record or variant != f"T = {record['T']}":
        return "–"
    before, after = (row[f"{key}_direct"] for row in record["rows"][-2:])
    return f"{100 * (after / before - 1):+.1f} %" + (", then trained further" if published.images_since(folder, record) else "")


SECTIONS: dict[str, Callable[[Published], str]] = {"goals": goals}
