"""How the cost grows: images/s of the training loop by batch, image size and T (it must not)."""
import json
from functools import partial

from colddiff_nb import recipe
from studies.plot import panels

from .findings import HERE, RESULTS, Found, finding, in_turns
from .loop import OURS, training_loop

CURVES = {  # what varies, and over which values; the rest is fixed
    "batch size (32 x 32, T = 50)": ("batch", [2 ** power for power in range(9)], {"size": 32, "T": 50}),
    "image size (batch 16, T = 50)": ("size", [32, 64, 96, 128], {"batch": 16, "T": 50}),
    "T (batch 64, 32 x 32)": ("T", [1, 10, 50, 100, 200, 400], {"batch": 64, "size": 32})}


def curves() -> Found:
    """Also writes the curves: results/bench-growth-<device>.json and .png."""
    points = {label: curve(*setting) for label, setting in CURVES.items()}
    path = RESULTS / f"bench-growth-{HERE.type}.json"
    path.write_text(json.dumps(points, indent=1) + "\n")
    figure, axes = panels(len(points), (10, 3))
    for panel, (label, rates) in zip(axes, points.items()):
        panel.plot(list(rates), list(rates.values()), "o-", color="#0072B2")
        panel.set(xlabel=label, xscale="log", ylim=(0, 1.1 * max(rates.values())))
        panel.set_xticks(list(rates), list(map(str, rates)))
        panel.minorticks_off()
    axes[0].set_ylabel("training images per second")
    figure.savefig(path.with_suffix(".png"), dpi=120)
    first, *_, last = rates  # of T
    yield (f"time of a training image at T = {last} over that at T = {first}",
           finding(rates[first] / rates[last], most=1.1))


def curve(name: str, values: list[int], fixed: dict[str, int]) -> dict[int, float]:
    """Images per second for every value of one setting, the small network on blurred colour images."""
    settings = {value: fixed | {name: value} for value in values}
    loops = {value: training_loop(
        recipe("small", "deblur", "photos", size=setting["size"], T=setting["T"]),
        **OURS | {"size": setting["batch"]}) for value, setting in settings.items()}
    times = in_turns({value: partial(next, loop) for value, loop in loops.items()}, rounds=9).median()
    return {value: round(setting["batch"] / times[value], 1) for value, setting in settings.items()}
