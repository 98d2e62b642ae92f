"""What the network adds over least squares, and our own goals."""
from studies.published import Published
from studies.tables import (
    FROM,
    MISSING,
    SCORES,
    bold,
    cases,
    compare,
    least_to_most,
    number,
    section,
    table,
    titled,
)

GOALS = {  # set before the trainings, from a short prototype
    ("deblur-mnist", "T = 20", "float32", "RMSE"): 0.115,
    ("deblur-mnist", "T = 40", "float32", "RMSE"): 0.128,
    ("deblur-mnist", "T = 20", "8bit", "RMSE"): 0.17,
    ("deblur-cifar10", "T = 50", "float32", "RMSE"): 0.045,
    ("deblur-cifar10", "T = 50", "8bit", "RMSE"): 0.085,
    ("superres-mnist", "T = 3", "float32", "RMSE"): 0.110,
    ("superres-cifar10", "T = 3", "float32", "RMSE"): 0.124,
    ("superres-cifar10", "T = 3", "float32", "SSIM"): 0.42,
    ("inpaint-mnist", "T = 50", "float32", "RMSE"): 0.055,
    ("inpaint-cifar10", "T = 50", "float32", "RMSE"): 0.060}


@section
def glance(published: Published) -> str:
    """What the network adds over least squares, and what iterating costs. Bold is the least RMSE."""
    rows = []
    for pair, variant, title in cases(published):
        for precision, name in FROM.items():
            found = [published.best(pair, method, precision, variant)
                     for method in ("lmmse", "direct", "algorithm2")]
            fids = [published.best(pair, method, precision, variant, "fid") for method in ("lmmse", "direct")]
            least = min((row.cell["rmse"] for row in found if row), default=0)
            shown = [bold(number(row, "rmse", 4), row is not None and row.cell["rmse"] == least)
                     for row in found]
            _, direct, sampled = found
            ratio = f"{sampled.cell['rmse'] / direct.cell['rmse']:.2f}" if direct and sampled else "–"
            rows.append((title, name, published.share(direct.folder) if direct else "–", *shown, ratio,
                         *(number(row, "fid", 2) for row in fids)))
    return table("pair | from | budget | LMMSE | direct | Algorithm 2 | Algorithm 2 / direct | "
                 "FID, LMMSE | FID, direct", rows)



@section
def goals(published: Published) -> str:
    """Direct reconstruction on the full test split, beside what this project set out to reach."""
    lines = []
    for (pair, variant, precision, metric), goal in GOALS.items():
        key, digits, sign = SCORES[metric]
        row = published.best(pair, "direct", precision, variant, key)
        verdict = compare(row.cell[key], goal, 0, sign) if row else MISSING
        measured = number(row, key, digits)
        lines.append((titled(pair, variant), FROM[precision], metric, f"{goal:.3f}", measured, verdict))
    return table("pair | from | metric | goal | measured | it is", lines)


@section
def images_seen(published: Published) -> str:
    return least_to_most([metadata["images_seen"] for metadata in published.models.values()], "{:,}")
