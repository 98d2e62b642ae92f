"""The table of cold generation, from results/generation.json (see measure_generation.py)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from result_rows import Published
from result_tables import markdown


def over_seeds(values: list[float], digits: int) -> str:
    """Mean over the seeds, ± half the range between them."""
    mean, half = sum(values) / len(values), (max(values) - min(values)) / 2
    return f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if len(values) > 1 else "")


def table(published: Published) -> str:
    record = published.read("generation.json")
    if not record:
        return "Not run yet: `python -m tools.measure_generation`."
    grouped: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        grouped.setdefault((row["x_T"], row["noise"]), []).append(row)
    lines = []
    starts = list(dict.fromkeys(start for start, _ in grouped))
    for (start, noise), rows in sorted(grouped.items(), key=lambda item: starts.index(item[0][0])):
        lines.append((start, f"{noise:g}" if noise else "–", over_seeds([row["test"]["frechet"] for row in rows], 1),
                      over_seeds([row["test"]["digits"] for row in rows], 1), over_seeds([row["spread"] for row in rows], 3)))
    chosen = [min((row for row in record["rows"] if row["x_T"] == "one grey" and row["seed"] == seed), key=lambda row: row["train"]["frechet"])
              for seed in dict.fromkeys(row["seed"] for row in record["rows"])]
    levels = ", ".join(f"{row['noise']:g}" for row in chosen)
    told = over_seeds([row["test"]["frechet"] for row in chosen], 1)
    without = over_seeds([row["test"]["frechet"] for row in record["rows"] if row["x_T"] == "one grey" and not row["noise"]], 1)
    return (f"{record['n']:,} generated images a row; the networks of *one grey* saw {record['images_seen']:,} images of {record['data']} each, "
            f"their seeds are of training and draw; block means are restored by the shipped super-resolution network, seeds are of the draw.\n\n"
            f"{markdown('x_T | noise on x_T | Frechet, to test digits | digits in use | spread', lines)}\n\n"
            f"From one grey, with the noise that is best against *training* digits ({levels} for the networks of the seeds): "
            f"{told} to test digits, and {without} without noise.")


SECTIONS: dict[str, Callable[[Published], str]] = {"generation": table}
