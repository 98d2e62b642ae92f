"""The tables of results/README.md about samplers beyond the paper's, from results/samplers/ (see measure_samplers.py)."""
from __future__ import annotations

from collections.abc import Callable
from math import hypot
from typing import Any

from result_rows import PAIRS, Published
from result_tables import FROM, MISSING, markdown

SAMPLERS = {  # name in the cells: shown as, calls of the network, what it assumes
    "direct": ("direct", "1", "x_T is as exact as in the network's training"),
    "projected direct": ("direct, projected", "1", "x_T is D(x0, T) to the measurement's precision, D is known"),
    "mirrored": ("direct, mean of both mirror images", "2", "left and right are alike, for D and in the images: not for digits"),
    "algorithm1": ("Algorithm 1", "T", "D is known with its draw"),
    "between": ("half-way, keep 0.5", "T", "D is known, x_T is D(x0, T)"),
    "algorithm2": ("Algorithm 2 (the paper's)", "T", "D is known with its draw, x_T is D(x0, T)"),
    "fewer": ("Algorithm 2, at most 5 calls", "5", "as Algorithm 2; predictions at skipped severities would be alike"),
    "projected": ("Algorithm 2, projected", "T", "as direct, projected, at every step"),
    "mixed": ("half direct, half Algorithm 2", "T", "as Algorithm 2; their errors differ")}
CALLS = ["1", "2", "5", "T"]
SCORES = (("rmse", 4, min), ("ssim", 4, max), ("frechet", 1, min))


def fewer(T: int, calls: int = 5) -> list[int]:
    """At most so many severities from T to 1, at equal ratios: the last steps write the most. One call: T alone."""
    return sorted({round(T ** (k / (calls - 1))) for k in range(calls)}, reverse=True) if calls > 1 else [T]


def assumptions(published: Published) -> str:
    return markdown("sampler | calls | it assumes", SAMPLERS.values())


def sampler_tables(published: Published) -> str:
    parts = []
    for pair, title in PAIRS.items():
        cells = measured(published, pair)
        for variant in dict.fromkeys(cell["variant"] for cell in cells):
            found = {(cell["measurement_precision"], cell["method"]): cell for cell in cells
                     if cell["variant"] == variant}  # made for 8 bits goes first
            parts.append(f"### {title}, {variant}\n\n" + markdown("sampler | RMSE | SSIM | Frechet | RMSE, 8 bits | SSIM, 8 bits | Frechet, 8 bits", (
                (shown, *(value(found, precision, name, *score) for precision in ("float32", "8bit") for score in SCORES))
                for name, (shown, *_) in SAMPLERS.items() if ("float32", name) in found)))
    return "\n\n".join(parts) or "Nothing yet: `python tools/measure_samplers.py`."


def measured(published: Published, pair: str) -> list[dict[str, Any]]:
    """The samplers' cells of a pair, those of the model made for 8 bits last."""
    return [cell for name in (pair, f"{pair}-8bit") for cell in (published.read(f"samplers/{name}/metrics.json") or {"cells": []})["cells"]]


def near_the_best(found: dict[str, dict[str, Any]], score: str, best: Callable) -> str:
    """The samplers within 1 % of the best score, fewest calls first, three by name."""
    scores = {name: found[name].get(score) for name in SAMPLERS if name in found}
    if not scores or None in scores.values():
        return MISSING
    winner = best(scores.values())
    near = sorted((name for name, number in scores.items() if abs(number / winner - 1) <= 0.01), key=lambda name: CALLS.index(SAMPLERS[name][1]))
    return "; ".join(SAMPLERS[name][0] for name in near[:3]) + (f"; and {len(near) - 3} more" if near[3:] else "")


GOALS = {"rmse": ("least RMSE", min), "ssim": ("most SSIM", max), "frechet": ("least Frechet distance", min)}


def goals(published: Published) -> str:
    """For each pair and measurement the samplers that reach the best score of a kind, or come within 1 % of it, fewest calls first."""
    lines = []
    for pair, title in PAIRS.items():
        cells = measured(published, pair)
        for variant in dict.fromkeys(cell["variant"] for cell in cells):
            for precision, shown in FROM.items():
                found = {cell["method"]: cell for cell in cells if (cell["variant"], cell["measurement_precision"]) == (variant, precision)}
                lines.append((f"{title}, {variant}", shown, *(near_the_best(found, score, best) for score, (_, best) in GOALS.items())))
    return markdown("pair | from | " + " | ".join(name for name, _ in GOALS.values()), lines)


def value(found: dict[tuple[str, str], dict[str, Any]], precision: str, name: str, score: str, digits: int, best: Callable) -> str:
    """A score, bold where it is the best of its column; RMSE with its distance from Algorithm 2's."""
    number = found.get((precision, name), {}).get(score)
    if number is None:
        return MISSING
    text = f"{number:.{digits}f}"
    if score == "rmse" and (theirs := found.get((precision, "algorithm2"))) and name != "algorithm2":
        text += f" ({100 * (number / theirs['rmse'] - 1):+.1f} %)"
    winner = best(cell[score] for (kind, _), cell in found.items() if kind == precision)
    return f"**{text}**" if number == winner else text


def sampler_images(published: Published) -> str:
    cells = [cell for pair in PAIRS for cell in (published.read(f"samplers/{pair}/metrics.json") or {"cells": []})["cells"]]
    return " and ".join(sorted({f"{cell['n']:,} {cell['split']} images" for cell in cells})) or MISSING


def steps(published: Published) -> str:
    """Algorithm 2 by start and number of calls (see measure_steps.py)."""
    record = published.read("steps.json")
    if not record:
        return "Not run yet: `python tools/measure_steps.py`."
    parts = []
    for pair, title in PAIRS.items():
        rows = [row for row in record["rows"] if f"{row['task']}-{row['dataset']}" == pair]
        lines = []
        for row in rows:
            start, calls, (low, high) = row["start"], len(row["visited"]), row["rmse_interval"]
            shown = {1: "1 (direct)", start: f"{start} (all)"}.get(calls, f"{calls}: {', '.join(map(str, row['visited']))}")
            lines.append((start, shown, f"{row['rmse']:.4f} ± {(high - low) / 2:.4f}", f"{row['ssim']:.4f}", f"{row['frechet']:.1f}"))
        if lines:
            parts.append(f"### {title}\n\n{markdown('from severity | calls | RMSE | SSIM | Frechet', lines)}")
    return f"{record['n']} {record['split']} images, float32; ± is half of a bootstrap 95 % interval over images.\n\n" + "\n\n".join(parts)


def growth(published: Published) -> str:
    """RMSE of the prediction at some severities of Algorithm 2's own path, and of its result."""
    record, lines = published.read("growth.json") or {"rows": []}, []
    for row in record["rows"]:
        T, rmse = row["T"], {int(s): value for s, value in row["prediction_rmse"].items()}
        shown = [rmse[max(1, round(share * T))] for share in (1, 0.75, 0.5, 0.25)] + [rmse[1]]
        name = PAIRS[row["model"].removesuffix("-8bit")]
        lines.append((f"{name}, T = {T}", FROM[row["measurement_precision"]], *(f"{value:.4f}" for value in shown), f"{row['result_rmse']:.4f}",
                      f"{row['result_rmse'] / rmse[T]:.2f}"))
    return markdown("pair | from | at s = T (direct) | 3/4 T | T/2 | T/4 | s = 1 | x_0 | x_0 / direct", lines)


def repeated_calls(published: Published) -> str:
    """Where Algorithm 2 ends more than a tenth above direct: the prediction at T/2 after one step and after all, and how far all moved it."""
    record, lines = published.read("growth.json") or {"rows": []}, []
    for row in record["rows"]:
        half, rmse = row["half_way"], row["prediction_rmse"]
        first, once, after = rmse[str(row["T"])], half["one_step_algorithm2"], rmse[str(half["severity"])]
        if row["result_rmse"] > 1.1 * first:
            lines.append((PAIRS[row["model"].removesuffix("-8bit")], FROM[row["measurement_precision"]],
                          f"{first:.4f}", f"{after:.4f}", f"{once:.4f}",
                          f"{(once - first) / (after - first):.0%}", f"{half['one_step_algorithm1']:.4f}", f"{half['moved']:.4f}",
                          f"{hypot(first, half['moved']):.4f}"))
    return markdown("pair | from | direct | after all steps | after one step | its share of what all add | after one of Algorithm 1 | moved by all | "
                    "√(direct² + moved²)", lines)


def growth_images(published: Published) -> str:
    record = published.read("growth.json")
    return f"{record['n']:,} {record['split']} images" if record else MISSING


SECTIONS: dict[str, Callable[[Published], str]] = {
    "samplers": sampler_tables, "growth": growth, "repeated_calls": repeated_calls, "growth_images": growth_images,
    "sampler_assumptions": assumptions, "sampler_goals": goals, "steps": steps, "sampler_images": sampler_images}
