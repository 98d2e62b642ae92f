"""How the error of the prediction grows along Algorithm 2, for every shipped model. Some minutes."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import hypot

import torch
from torch import Tensor, nn

from colddiff_nb import metrics
from colddiff_nb.degradations import DrawnDegradation, make, measure
from colddiff_nb.sampling import Trajectory, algorithm1, algorithm2
from colddiff_nb.weights import load_model, shipped_models
from studies.published import PAIRS, Published
from studies.study import Fields, Study
from studies.tables import FROM, MISSING, section, section_of, table


@dataclass
class Growth(Study):
    n: int = 200  # validation images

    file = "growth.json"

    def header(self) -> Fields:
        return {"split": "validation", "n": self.n}

    def cases(self) -> Iterator[Fields]:
        for name in shipped_models():
            _, trained, metadata = load_model(name)
            made_for = metadata["recipe"]["measurement_precision"]
            for T in (40, 20) if (trained.task, trained.T) == ("deblur", 40) else (trained.T,):
                for precision in ("float32", "8bit") if made_for == "both" else (made_for,):
                    yield {"model": name, "T": T, "measurement_precision": precision}

    def measure(self, model: str, T: int, measurement_precision: str) -> Iterator[Fields]:
        network, trained, metadata = load_model(model)
        dataset = metadata["recipe"]["dataset"]
        _, x0 = self.spread(dataset, "validation", self.n)
        drawn = make(trained.task, dataset, T=T).draw(self.n, torch.Generator().manual_seed(0))
        path = algorithm2(network, drawn, measure(drawn(x0, T), measurement_precision), trajectory=True)
        yield {"model": model, "weights": metadata["checksum"], "T": T,
               "measurement_precision": measurement_precision,
               "prediction_rmse": {s: metrics.rmse(x0_hat, x0)
                                   for s, x0_hat in zip(path.severities, path.x0_hat)},
               "result_rmse": metrics.rmse(path.result, x0), "half_way": half_way(network, drawn, path, x0)}


def half_way(network: nn.Module, degrade: DrawnDegradation, path: Trajectory, x0: Tensor) -> dict[str, float]:
    """The prediction at s = T/2 after one step from T: its RMSE, and how far all steps have moved it.

    By Algorithm 2, and by Algorithm 1, which drops what x_T told and the first prediction did not.
    """
    T, first = path.severities[0], path.x0_hat[0]
    s = round(T / 2)

    def after_one_step(sampler: Callable) -> float:
        return metrics.rmse(sampler(network, degrade, path.x[0], T=[T, s], trajectory=True).x0_hat[1], x0)
    return {"severity": s, "moved": metrics.rmse(path.x0_hat[path.severities.index(s)], first),
            "one_step_algorithm2": after_one_step(algorithm2),
            "one_step_algorithm1": after_one_step(algorithm1)}


@section_of("growth.json")
def growth(record: Fields, published: Published) -> str:
    """RMSE of the prediction at some severities of Algorithm 2's own path, and of its result."""
    lines = []
    for row in record["rows"]:
        T, rmse = row["T"], {int(s): value for s, value in row["prediction_rmse"].items()}
        severities = [max(1, round(share * T)) for share in (1, 0.75, 0.5, 0.25)] + [1]
        shown = [*(rmse[s] for s in severities), row["result_rmse"]]
        lines.append((f"{title(row)}, T = {T}", FROM[row["measurement_precision"]],
                      *(f"{value:.4f}" for value in shown),
                      f"{row['result_rmse'] / rmse[T]:.2f}"))
    return table("pair | from | at s = T (direct) | 3/4 T | T/2 | T/4 | s = 1 | x_0 | x_0 / direct", lines)


@section_of("growth.json")
def repeated_calls(record: Fields, published: Published) -> str:
    """The prediction at T/2 after one step and after all, where Algorithm 2 ends far above direct."""
    lines = []
    for row in record["rows"]:
        half, rmse = row["half_way"], row["prediction_rmse"]
        first, once, moved = rmse[str(row["T"])], half["one_step_algorithm2"], half["moved"]
        if row["result_rmse"] > 1.1 * first:
            after = rmse[str(half["severity"])]
            lines.append((title(row), FROM[row["measurement_precision"]], f"{first:.4f}", f"{after:.4f}",
                          f"{once:.4f}",
                          f"{(once - first) / (after - first):.0%}", f"{half['one_step_algorithm1']:.4f}",
                          f"{moved:.4f}", f"{hypot(first, moved):.4f}"))
    return table("pair | from | direct | after all steps | after one step | its share of what all add | "
                 "after one of Algorithm 1 | moved by all | √(direct² + moved²)", lines)


@section
def growth_images(published: Published) -> str:
    record = published.read("growth.json")
    return f"{record['n']:,} {record['split']} images" if record else MISSING


def title(row: Fields) -> str:
    return PAIRS[row["model"].removesuffix("-8bit")]
