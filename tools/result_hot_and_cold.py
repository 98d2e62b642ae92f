"""The tables of hot against cold, from results/hot_and_cold.json (see measure_hot_and_cold.py)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from result_rows import Published
from result_tables import markdown

SCORES = {"restoration": {"rmse": ("RMSE", 4), "ssim": ("SSIM", 3), "class_accuracy": ("class accuracy", 3), "frechet": ("Frechet", 1)},
          "generation": {"frechet": ("Frechet", 1), "digits": ("digits in use", 1)}}


def values(record: dict[str, Any], job: str, degradation: str, sampler: str, score: str) -> list[float]:
    """One number for each seed."""
    return [row[score] for row in record["rows"] if (row["job"], row["degradation"], row["sampler"]) == (job, degradation, sampler)]


def table(record: dict[str, Any], job: str) -> str:
    """A line for each degradation and sampler: the mean over the seeds, ± half the range between them."""
    rows = []
    for pair in dict.fromkeys((row["degradation"], row["sampler"]) for row in record["rows"]):
        found = [(values(record, job, *pair, score), digits) for score, (_, digits) in SCORES[job].items()]
        rows.append((*pair, *(f"{sum(v) / len(v):.{digits}f} ± {(max(v) - min(v)) / 2:.{digits}f}" for v, digits in found)))
    return markdown("degradation | sampler | " + " | ".join(name for name, _ in SCORES[job].values()), rows)


def tables(published: Published) -> str:
    record = published.read("hot_and_cold.json")
    if not record:
        return "Not run yet: `python tools/measure_hot_and_cold.py`."
    seeds, row = len({row["seed"] for row in record["rows"]}), record["rows"][0]
    return (f"Seeds: {seeds}; each network saw {row['images_seen']:,} images of {record['data']} and is scored on {row['n']:,} test images.\n\n"
            f"### Restoration\n\n{table(record, 'restoration')}\n\n### Generation\n\n{table(record, 'generation')}")


SECTIONS: dict[str, Callable[[Published], str]] = {"hot_and_cold": tables}
