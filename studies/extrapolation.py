"""Does a score follow a power law over a training? And how many images would a missed score take?

error = a * images^-b, where the error is 1 - SSIM, RMSE or FID.
"""
import numpy as np

from studies.course_report import power_law
from studies.published import (
    BOTH,
    METHODS,
    METRICS,
    OURS,
    PAIRS,
    REALISM,
    SIGNS,
    Fields,
    Published,
    papers_precision,
)
from studies.tables import number, section, table

ERRORS = {"rmse": "RMSE", "ssim": "1 - SSIM", "fid": "FID"}


def error(score: float, metric: str) -> float:
    return 1 - score if metric == "ssim" else score


def curve(rows: list[Fields], metric: str, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Images seen, and the error after them."""
    return tuple(np.array([(row["images"], error(row[f"{metric}_{method}"], metric)) for row in rows]).T)


def best_so_far(images: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the points after which the error had been lower before."""
    low = errors <= np.minimum.accumulate(errors)
    return images[low], errors[low]


def predictions(published: Published) -> list[Fields]:
    """The last point of each curve, beside what a power law through the curve's first half predicts."""
    found = []
    for pair in PAIRS:
        rows = published.read(f"curves/{pair}.json")["rows"]
        for metric in (metric for metric in ERRORS if f"{metric}_direct" in rows[0]):
            for method in BOTH:
                images, errors = curve(rows, metric, method)
                fit = power_law(images[:len(rows) // 2], errors[:len(rows) // 2], images[-1])
                found.append(fit | {"pair": pair, "metric": metric, "method": method, "measured": errors[-1]})
    return found


@section
def extrapolation(published: Published) -> str:
    lines = []
    for one in predictions(published):
        digits = METRICS[one["metric"]][1]
        least, most = one["interval"]
        lines.append({
            "pair": PAIRS[one["pair"]], "error": ERRORS[one["metric"]], "of": METHODS[one["method"]],
            "predicted (95 %)": f"{one['predicted']:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})",
            "measured": f"{one['measured']:.{digits}f}"})
    return table(lines)


@section
def extrapolation_finding(published: Published) -> str:
    found = predictions(published)
    hopeful = sum(one["predicted"] < one["measured"] for one in found)
    outside = sum(not one["interval"][0] <= one["measured"] <= one["interval"][1] for one in found)
    return (f"{hopeful} of {len(found)} predictions promise less error than was measured. {outside} lie so "
            "far off that the 95 % interval misses, wide as it is. So a trend does not simply go on: later "
            "doublings of the images bring less than earlier ones.")


@section
def missed(published: Published) -> str:
    """SSIM and FID that neither of our two models reaches, by the paper's measurement."""
    lines = []
    for pair, title in PAIRS.items():
        cells = [*(("ssim", [method], [method]) for method in BOTH), ("fid", BOTH, OURS)]
        for metric, methods, ways in cells:
            sign, precision = SIGNS[metric], papers_precision(pair)
            printed = {method: published.printed(pair, method)[metric.upper()] for method in methods}
            by, theirs = max(printed.items(), key=lambda score: sign * score[1])
            found = [row for method in ways for kind in ("RMSE", "realism")
                     if (row := published.best(pair, method, precision, None, metric, kind))]
            ours = max(found, key=lambda row: sign * row[metric], default=None)
            if not ours or sign * (ours[metric] - theirs) >= 0:
                continue
            lines.append({"pair": title, "score": METRICS[metric][0],
                          "the paper": f"{theirs:.{2 if metric == 'fid' else 3}f}, {METHODS[by]}",
                          "ours": f"{number(ours, metric)}, {METHODS[ours['method']]}",
                          "made for": ours["kind"],
                          "images, by the power law": more(published, ours, metric, theirs)})
    if not lines:
        return "None."
    return ("The last column is a guess. It extends the later half of the curve by a power law, leaving out "
            "relapses, and [such guesses promise too much](#does-a-trend-go-on). "
            f"For a model made for realism it counts images beside a critic.\n\n{table(lines)}")


def more(published: Published, row: Fields, metric: str, wanted: float) -> str:
    """Images until the wanted score, by a power law through the later half of the curve's best points."""
    model, sharp = f"{row['pair']}{REALISM}", row["kind"] == "realism"
    file = f"{model}/training.json" if sharp else f"curves/{row['pair']}.json"
    if not (published.folder / file).is_file():
        return "no curve was recorded"
    record = published.read(file)
    rows = record["curve" if sharp else "rows"]
    if f"{metric}_{row['method']}" not in rows[0]:
        return "no curve was recorded"
    images, errors = best_so_far(*curve(rows, metric, row["method"]))
    images = images + record.get("images_before", 0)  # beside a critic
    half = len(images) // 2
    b, seen = power_law(images[half:], errors[half:], images[-1])["exponent"], rows[-1]["images"]
    if sharp:  # it may have gone on after the curve
        stages = published.sharper[model]["stages"]
        seen = sum(stage["step"] * stage["recipe"].images_per_step
                   for stage in stages if stage["recipe"].realism)
    needed = seen * (error(row[metric], metric) / error(wanted, metric)) ** (1 / b)
    return f"{needed / 1e6:,.1f} million" if b > 0 and needed < 1e9 else "over a billion"
