"""Every sampler with the same shipped weights, from float32 and from 8 bits."""
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from colddiff_nb import algorithm2, direct, load, make, other_samplers
from colddiff_nb.data import channels
from colddiff_nb.degradations import Degradation
from colddiff_nb.sampling import SAMPLERS as USUAL
from studies.published import METRICS, PAIRS, Published
from studies.study import Study, severities
from studies.tables import FROM, MISSING, bold, by_pair, section, table, titled

SAMPLERS = {  # name in the cells: shown as; details.md says what each assumes
    "direct": "direct", "projected direct": "direct, projected",
    "mirrored": "direct, mean of both mirror images", "algorithm1": "Algorithm 1",
    "between": "half-way, keep 0.5", "algorithm2": "Algorithm 2 (the paper's)",
    "fewer": "Algorithm 2, at most 5 calls", "projected": "Algorithm 2, projected",
    "mixed": "half direct, half Algorithm 2"}


@dataclass
class Samplers(Study):
    n: int = 500  # validation images, spread over the split

    def run(self) -> None:
        """Score every model; `evaluate` records the cells."""
        for name in Published(self.results).models:
            task, dataset = name.split("-")[:2]
            images = load(dataset, "validation", self.data)
            for T in severities(task, dataset):
                for precision in ("8bit",) if name.endswith("8bit") else FROM:
                    print(f"{name}, T = {T}", flush=True)
                    self.score(name, images, self.results / "samplers" / name, T, n=self.n,
                               methods=chosen_samplers(make(task, dataset, T=T), precision),
                               measurement_precision=precision)


def chosen_samplers(degrade: Degradation, precision: str) -> dict[str, Callable]:
    """The samplers of SAMPLERS that fit a degradation, for the measurements of one kind."""
    found: dict[str, Callable] = USUAL | {
        "between": partial(other_samplers.between, keep=0.5),
        "mixed": partial(other_samplers.mixed, share=0.5),
        "projected direct": other_samplers.project_onto_measurement(direct, precision),
        "projected": other_samplers.project_onto_measurement(algorithm2, precision)}
    if len(few := fewer(degrade.T)) < degrade.T:
        found["fewer"] = partial(algorithm2, T=few)
    if channels(degrade.options["dataset"]) == 3:
        found["mirrored"] = other_samplers.mirrored(direct)
    return found


def fewer(T: int, calls: int = 5) -> list[int]:
    """At most so many severities from T to 1, at equal ratios: the last steps write the most."""
    return sorted({round(T ** (k / (calls - 1))) for k in range(calls)}, reverse=True) if calls > 1 else [T]


@section
def sampler_tables(published: Published) -> str:
    """Bold is within 1 % of the best. From 8 bits the rows are of the model made for them."""
    found = sorted(published.find(kind="samplers"), key=lambda row: list(PAIRS).index(row["pair"]))
    if not found:
        raise FileNotFoundError
    tables = {}
    for (pair, variant), rows in pd.DataFrame(found).groupby(["pair", "variant"], sort=False):
        rows = rows.drop_duplicates(["measurement_precision", "method"], keep="last")
        shown = pd.DataFrame({"sampler": SAMPLERS})
        for precision, source in FROM.items():
            scores = rows[rows["measurement_precision"] == precision].set_index("method")
            for metric in ("rmse", "ssim", "frechet"):
                values, (name, digits) = scores[metric], METRICS[metric]
                best = values.max() if metric == "ssim" else values.min()
                shown[name if precision == "float32" else f"{name}, {source}"] = pd.Series(
                    {method: bold(f"{value:.{digits}f}", abs(value / best - 1) <= 0.01)
                     for method, value in values.items()}, dtype=object)
        tables[titled(pair, variant)] = table(shown.dropna(thresh=2).fillna(MISSING))
    return by_pair(tables)
