"""Every sampler with the same shipped weights, from float32 and from 8 bits."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from colddiff_nb import samplers, sampling
from colddiff_nb.data import channels, load
from colddiff_nb.degradations import Degradation, make
from colddiff_nb.metrics.evaluation import Judges
from colddiff_nb.weights import load_model, shipped_classifier, shipped_models
from studies.published import PAIRS, Published
from studies.study import Fields, Study, score
from studies.tables import FROM, MISSING, change, section, table

SAMPLERS = {  # name in the cells: shown as, calls of the network, what it assumes
    "direct": ("direct", "1", "x_T is as exact as in the network's training"),
    "projected direct": ("direct, projected", "1",
                         "x_T is D(x0, T) to the measurement's precision, D is known"),
    "mirrored": ("direct, mean of both mirror images", "2",
                 "left and right are alike, for D and in the images: not for digits"),
    "algorithm1": ("Algorithm 1", "T", "D is known with its draw"),
    "between": ("half-way, keep 0.5", "T", "D is known, x_T is D(x0, T)"),
    "algorithm2": ("Algorithm 2 (the paper's)", "T", "D is known with its draw, x_T is D(x0, T)"),
    "fewer": ("Algorithm 2, at most 5 calls", "5",
              "as Algorithm 2; predictions at skipped severities would be alike"),
    "projected": ("Algorithm 2, projected", "T", "as direct, projected, at every step"),
    "mixed": ("half direct, half Algorithm 2", "T", "as Algorithm 2; their errors differ")}
CALLS = ["1", "2", "5", "T"]
SCORES = {"rmse": (4, min), "ssim": (4, max), "frechet": (1, min)}
GOALS = {"rmse": "least RMSE", "ssim": "most SSIM", "frechet": "least Frechet distance"}


@dataclass
class Samplers(Study):
    split: Literal["validation", "test"] = "validation"
    n: int = 500  # images, spread over the split
    models: tuple[str, ...] = ()  # by default, all that are shipped

    def cases(self) -> Iterator[Fields]:
        for name in self.models or shipped_models():
            yield {"model": name}

    def run(self) -> None:
        """Score every model; `evaluate` records the cells. Blurred digits also from the paper's T = 20."""
        for case in self.cases():
            name = case["model"]
            _, degrade, metadata = load_model(name)
            dataset, made_for = (metadata["recipe"][name] for name in ("dataset", "measurement_precision"))
            for T in (40, 20) if degrade.T == 40 else (degrade.T,):
                for precision in ("8bit",) if made_for == "8bit" else ("float32", "8bit"):
                    print(f"{name}, T = {T}", flush=True)
                    found = chosen_samplers(make(**degrade.options | {"T": T}), precision)
                    score(name, load(dataset, self.split, self.data),
                          self.results / "samplers" / name, T, methods=found, n=self.n,
                          measurement_precision=precision, judges=Judges(shipped_classifier(dataset)))


def chosen_samplers(degrade: Degradation, precision: str) -> dict[str, Callable]:
    """The samplers of SAMPLERS that fit a degradation, for the measurements of one kind."""
    few = fewer(degrade.T)
    found: dict[str, Callable] = {
        "direct": sampling.direct, "algorithm1": sampling.algorithm1, "algorithm2": sampling.algorithm2,
        "between": partial(samplers.between, keep=0.5), "mixed": partial(samplers.mixed, share=0.5),
        "projected direct": samplers.project_onto_measurement(sampling.direct, precision),
        "projected": samplers.project_onto_measurement(sampling.algorithm2, precision)}
    if len(few) < degrade.T:
        found["fewer"] = partial(sampling.algorithm2, T=few)
    if channels(degrade.options["dataset"]) == 3:
        found["mirrored"] = samplers.mirrored(sampling.direct)
    return found


def fewer(T: int, calls: int = 5) -> list[int]:
    """At most so many severities from T to 1, at equal ratios: the last steps write the most."""
    return sorted({round(T ** (k / (calls - 1))) for k in range(calls)}, reverse=True) if calls > 1 else [T]


@section
def sampler_assumptions(published: Published) -> str:
    return table("sampler | calls | it assumes", SAMPLERS.values())


def measured(published: Published) -> dict[tuple[str, str], dict[tuple[str, str], Fields]]:
    """The cells by pair and variant, then by measurement and method; those of the model made for 8 bits."""
    found: dict[tuple[str, str], dict[tuple[str, str], Fields]] = {}
    for pair in PAIRS:
        for name in (pair, f"{pair}-8bit"):
            for cell in published.cells(f"samplers/{name}/metrics.json"):
                place = found.setdefault((pair, cell["variant"]), {})
                place[cell["measurement_precision"], cell["method"]] = cell
    return found


@section
def sampler_tables(published: Published) -> str:
    head = " | ".join(["sampler", "RMSE | SSIM | Frechet", "RMSE, 8 bits | SSIM, 8 bits | Frechet, 8 bits"])
    parts = []
    for (pair, variant), found in measured(published).items():
        lines = [(shown, *(value(found, precision, name, score) for precision in FROM for score in SCORES))
                 for name, (shown, *_) in SAMPLERS.items() if ("float32", name) in found]
        parts.append(f"### {PAIRS[pair]}, {variant}\n\n{table(head, lines)}")
    return "\n\n".join(parts) or "Not run yet: `python -m studies run samplers`."


def value(found: dict[tuple[str, str], Fields], precision: str, name: str, score: str) -> str:
    """A score, bold where it is the best of its column; RMSE with its distance from Algorithm 2's."""
    number, (digits, best) = found.get((precision, name), {}).get(score), SCORES[score]
    if number is None:
        return MISSING
    text, theirs = f"{number:.{digits}f}", found.get((precision, "algorithm2"))
    if score == "rmse" and theirs and name != "algorithm2":
        text += f" ({change(number, theirs['rmse'])})"
    winner = best(cell[score] for (kind, _), cell in found.items() if kind == precision)
    return f"**{text}**" if number == winner else text


@section
def sampler_goals(published: Published) -> str:
    """For each pair and measurement the samplers within 1 % of the best score, fewest calls first."""
    lines = []
    for (pair, variant), cells in measured(published).items():
        for precision, shown in FROM.items():
            found = {name: cells[precision, name] for name in SAMPLERS if (precision, name) in cells}
            near = (near_the_best(found, score) for score in GOALS)
            lines.append((f"{PAIRS[pair]}, {variant}", shown, *near))
    return table(" | ".join(["pair", "from", *GOALS.values()]), lines)


def near_the_best(found: dict[str, Fields], score: str) -> str:
    """The samplers within 1 % of the best score, fewest calls first, three by name."""
    scores: Fields = {name: cell.get(score) for name, cell in found.items()}
    if not scores or None in scores.values():
        return MISSING
    winner = SCORES[score][1](scores.values())
    near = sorted((name for name, number in scores.items() if abs(number / winner - 1) <= 0.01),
                  key=lambda name: CALLS.index(SAMPLERS[name][1]))
    return "; ".join(SAMPLERS[name][0]
                     for name in near[:3]) + (f"; and {len(near) - 3} more" if near[3:] else "")


@section
def sampler_images(published: Published) -> str:
    cells = [cell for pair in PAIRS for cell in published.cells(f"samplers/{pair}/metrics.json")]
    return " and ".join(sorted({f"{cell['n']:,} {cell['split']} images" for cell in cells})) or MISSING
