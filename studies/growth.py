"""How the error of the prediction grows along Algorithm 2, for every shipped model. Some minutes."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import hypot

from torch import Tensor, nn

from colddiff_nb import algorithm1, algorithm2, make, rmse
from colddiff_nb.degradations import DrawnDegradation, measure
from colddiff_nb.sampling import Trajectory
from colddiff_nb.weights import load_model
from studies.published import PAIRS, Published
from studies.study import Fields, Study, each, fixed, severities
from studies.tables import FROM, section, table


@dataclass
class Growth(Study):
    n: int = 200  # validation images

    file = "growth.json"

    def header(self) -> Fields:
        return {"split": "validation", "n": self.n}

    def cases(self) -> Iterator[Fields]:
        for name, model in Published(self.results).models.items():
            made_for = model["recipe"].measurement_precision
            yield from each(model=[name], T=severities(*name.split("-")[:2]),
                            measurement_precision=FROM if made_for == "both" else [made_for])

    def measure(self, model: str, T: int, measurement_precision: str) -> Iterator[Fields]:
        network, trained, metadata = load_model(model)
        dataset = metadata["recipe"]["dataset"]
        x0 = self.spread(dataset, "validation", self.n)
        drawn = fixed(make(trained.task, dataset, T=T), self.n)
        path = algorithm2(network, drawn, measure(drawn(x0, T), measurement_precision), trajectory=True)
        errors = {s: rmse(x0_hat, x0) for s, x0_hat in zip(path.severities, path.x0_hat)}
        yield {"weights": metadata["checksum"], "prediction_rmse": errors,
               "result_rmse": rmse(path.result, x0), "half_way": half_way(network, drawn, path, x0)}


def half_way(network: nn.Module, degrade: DrawnDegradation, path: Trajectory, x0: Tensor) -> dict[str, float]:
    """The RMSE of the prediction at s = T/2 after one step from T, and how far all steps have moved it."""
    T, s = path.severities[0], round(path.severities[0] / 2)

    def after_one_step(sampler: Callable) -> float:
        return rmse(sampler(network, degrade, path.x[0], T=[T, s], trajectory=True).x0_hat[1], x0)
    return {"severity": s, "moved": rmse(path.x0_hat[path.severities.index(s)], path.x0_hat[0]),
            "one_step_algorithm2": after_one_step(algorithm2),
            "one_step_algorithm1": after_one_step(algorithm1)}


@section
def growth(published: Published) -> str:
    record, lines = published.read("growth.json"), []
    for row in record["rows"]:
        T, result, errors = row["T"], row["result_rmse"], row["prediction_rmse"]
        places = {"at s = T (direct)": T, "3/4 T": 0.75 * T, "T/2": 0.5 * T, "T/4": 0.25 * T, "s = 1": 1}
        shown = {head: errors[str(max(1, round(s)))] for head, s in places.items()} | {"x_0": result}
        lines.append(named(row, f", T = {T}") | written(shown) | {
            "x_0 / direct": f"{result / errors[str(T)]:.2f}"})
    return f"On {record['n']:,} {record['split']} images:\n\n{table(lines)}"


@section
def repeated_calls(published: Published) -> str:
    """The prediction at T/2 after one step and after all, where Algorithm 2 ends far above direct."""
    lines = []
    for row in published.read("growth.json")["rows"]:
        half, errors = row["half_way"], row["prediction_rmse"]
        first, after = errors[str(row["T"])], errors[str(half["severity"])]
        once, moved = half["one_step_algorithm2"], half["moved"]
        if row["result_rmse"] > 1.1 * first:
            lines.append(
                named(row) | written({"direct": first, "after all steps": after, "after one step": once})
                | {"its share of what all add": f"{(once - first) / (after - first):.0%}"}
                | written({"after one of Algorithm 1": half["one_step_algorithm1"], "moved by all": moved,
                           "√(direct² + moved²)": hypot(first, moved)}))
    return table(lines)


def named(row: Fields, more: str = "") -> dict[str, str]:
    return {"pair": PAIRS[row["model"].removesuffix("-8bit")] + more,
            "from": FROM[row["measurement_precision"]]}


def written(values: dict[str, float]) -> dict[str, str]:
    return {head: f"{value:.4f}" for head, value in values.items()}
