"""What this project set out to reach, beside what it reached; and what was not run."""
from __future__ import annotations

from colddiff_nb.degradations import make
from studies.published import METHODS, PAIRS, Published
from studies.tables import FROM, MISSING, SCORES, cases, change, compare, number, section, table, titled

# pair, variant, precision of x_T, metric, goal: set before the trainings, from a short prototype
GOALS = (("deblur-mnist", "T = 20", "float32", "RMSE", 0.115),
         ("deblur-mnist", "T = 40", "float32", "RMSE", 0.128),
         ("deblur-mnist", "T = 20", "8bit", "RMSE", 0.17),
         ("deblur-cifar10", "T = 50", "float32", "RMSE", 0.045),
         ("deblur-cifar10", "T = 50", "8bit", "RMSE", 0.085),
         ("superres-mnist", "T = 3", "float32", "RMSE", 0.110),
         ("superres-cifar10", "T = 3", "float32", "RMSE", 0.124),
         ("superres-cifar10", "T = 3", "float32", "SSIM", 0.42),
         ("inpaint-mnist", "T = 50", "float32", "RMSE", 0.055),
         ("inpaint-cifar10", "T = 50", "float32", "RMSE", 0.060))


@section
def goals(published: Published) -> str:
    """Direct reconstruction on the full test split."""
    rows = []
    for pair, variant, precision, metric, goal in GOALS:
        key, digits, sign = SCORES[metric]
        row = published.best(pair, "direct", precision, variant, key)
        verdict = compare(row.cell[key], goal, 0, sign) if row else MISSING
        doubling = last_doubling(published, row.folder, variant, key) if row else "–"
        rows.append((titled(pair, variant), FROM[precision], metric, f"{goal:.3f}", number(row, key, digits),
                     verdict,
                     doubling))
    return table("pair | from | metric | goal | measured | it is | over the last doubling of the images",
                 rows)


def last_doubling(published: Published, folder: str, variant: str, key: str) -> str:
    """What the last doubling of the images in training changed, on validation images.

    By the curve of a whole training where one was measured, else by that of the model's last stage.
    """
    record = published.read(f"curves/{folder}.json")
    stage = [{name: float(value) for name, value in row.items() if value}
             for row in published.csv(f"{folder}/curve")]
    rows = record["rows"] if record else stage
    if not rows or f"{key}_direct" not in rows[-1]:
        return "–"
    after = rows[-1]
    before = next(row for row in rows if row["images"] >= after["images"] / 2)
    T = f"T = {make(*folder.removesuffix('-8bit').split('-')).T}"
    remarks = [change(after[f"{key}_direct"], before[f"{key}_direct"])] + [f"from {T}"] * (variant != T)
    if published.images_since(folder, {"rows": rows}):
        remarks.append("then trained further" if record else "second half of the last stage")
    return ", ".join(remarks)


@section
def not_run(published: Published) -> str:
    lines = []
    for pair, variant, title in cases(published):
        for precision, name in FROM.items():
            scored = {method: published.best(pair, method, precision, variant) for method in METHODS}
            partly = [METHODS[method] for method, row in scored.items() if not (row and row.full)]
            no_fid = [METHODS[method] for method in METHODS
                      if not published.best(pair, method, precision, variant, "fid")]
            lines += [f"- {title} from {name}, {what}: {', '.join(methods)}." for what, methods in (
                ("not on the full test split", partly), ("no FID", no_fid)) if methods]
    models = published.models
    unread = {row.pair for row in published.rows if row.number("class_accuracy") is None}
    kinds = {
        "A model made for 8-bit measurements": [
            pair for pair in PAIRS if pair.startswith("deblur") and f"{pair}-8bit" not in models],
        "The paper's networks, and its 700,000 steps": ["all tasks"], "Further seeds": ["the shipped models"],
        "Scores over a whole training": [
            name for name in models if not published.read(f"curves/{name}.json")],
        "Class accuracy and Frechet, not of all rows": [PAIRS[pair] for pair in PAIRS if pair in unread]}
    return "\n".join([*lines, *(f"- {kind}: {', '.join(names)}." for kind, names in kinds.items() if names)])
