"""One figure of RMSE against FID for every pair: the paper, our models, and the best linear estimator."""
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studies.published import BOTH, Published
from studies.tables import FROM, section

COLOURS = {"paper": "#1a1a1a", "ours": "#0072b2", "realism": "#009e73", "linear": "#d55e00"}
MARKERS = {"": "o", FROM["float32"]: "o", FROM["8bit"]: "s"}
FIDS = [1, 2, 5, 10, 20, 40, 80, 150, 300]  # ticks
Points = dict[tuple[str, str], list[tuple[float, float]]]  # whose, from what: RMSE and FID of each method


def points(published: Published, pair: str, variant: str) -> Points:
    """Direct and Algorithm 2 (of the linear estimator its one guess), where both scores were measured."""
    printed = [published.printed(pair, method) for method in BOTH]
    found: Points = {("paper", ""): [(scores["RMSE"], scores["FID"]) for scores in printed]}
    for precision, said in FROM.items():
        for whose, kind, methods in (("linear", "RMSE", ["lmmse"]), ("ours", "RMSE", BOTH),
                                     ("realism", "realism", BOTH)):
            rows = (published.best(pair, method, precision, variant, "fid", kind) for method in methods)
            if scores := [(row["rmse"], row["fid"]) for row in rows if row]:
                found[whose, said] = scores
    return found


def draw(published: Published, path: Path) -> None:
    """Write the figure: a panel for each pair, a line from direct (hollow) to Algorithm 2 for each model."""
    rows = published.cases()
    figure = Figure(figsize=(5, 2.2 * len(rows)), layout="constrained")
    figure.suptitle("left: nearer to the originals, down: looks more real\n"
                    "hollow: direct, or linear; filled: Algorithm 2; star: its two calls", fontsize=11)
    for axes, (pair, variant, title) in zip(figure.subplots(len(rows)), rows):
        for (whose, precision), ends in points(published, pair, variant).items():
            style = {"color": COLOURS[whose], "marker": MARKERS[precision], "linestyle": "none", "zorder": 3}
            axes.plot(*zip(*ends), color=COLOURS[whose])
            axes.plot(*ends[-1], **style)
            axes.plot(*ends[0], markerfacecolor="white", **style)
        if row := published.best(pair, "two-calls", variant=variant, metric="fid", kind="realism"):
            axes.plot(row["rmse"], row["fid"], "*", color=COLOURS["realism"], markersize=11, zorder=3)
        axes.set(title=title, yscale="log", xlabel="RMSE", ylabel="FID")
        axes.margins(0.1, 0.15)
        axes.minorticks_off()
        axes.locator_params(axis="x", nbins=4)
        low, high = axes.get_ylim()
        axes.set_yticks(*zip(*((fid, str(fid)) for fid in FIDS if low <= fid <= high)))
    lines = [Line2D([], [], color=colour, marker=MARKERS[precision], label=f"{whose} {precision}")
             for whose, colour in COLOURS.items()
             for precision in ([""] if whose == "paper" else FROM.values())]
    figure.legend(handles=lines, loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=110)


@section
def plane(published: Published) -> str:
    """What is missing in the figure."""
    wanted = [("ours", 2), ("realism", 2), ("linear", 1)]
    missing = []
    for pair, variant, title in published.cases():
        shown = points(published, pair, variant)
        lacks = [f"{whose} {said}{' (Algorithm 2)' if (whose, said) in shown else ''}"
                 for whose, methods in wanted for said in FROM.values()
                 if len(shown.get((whose, said), [])) < methods]
        missing += [f"- {title}: {', '.join(lacks)}"] if lacks else []
    return "\n".join(missing)
