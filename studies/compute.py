"""How many images, and how much arithmetic, until direct reconstruction has the paper's RMSE."""
from pathlib import Path

from studies.plot import panels
from studies.published import PAIRS, Published
from studies.tables import section, table

NETWORKS = {"mnist": "the paper's MNIST network", "cifar10": "the paper's CIFAR-10 network"}


def flop(published: Published, network: str) -> float:
    """Of a training image, forward and backward, as counted by make bench."""
    answers = published.read("bench-cpu.json")["answers"].values()
    found = {name: value for answer in answers for name, value in answer["found"].items()}
    return 1e9 * float(found[f"a training image of {network}, forward and backward"]["value"])


def reached(published: Published, pair: str) -> tuple[int, bool]:
    """The images at a curve's first point below the paper's RMSE; whether that is its first of all."""
    rows = published.read(f"curves/{pair}.json")["rows"]
    below = [row["rmse_direct"] < published.printed(pair, "direct")["RMSE"] for row in rows]
    first = below.index(True)
    return rows[first]["images"], first == 0


@section
def compute_to_match(published: Published) -> str:
    lines, seen = [], published.paper["images_seen"]
    for pair, title in PAIRS.items():
        images, at_once = reached(published, pair)
        ours = images * flop(published, "the small network")
        theirs = seen * flop(published, NETWORKS[pair.split("-")[1]])
        lines.append({
            "pair": title, "images": f"{'at most ' * at_once}{images:,}",
            "than the paper's": f"{seen / images:,.0f} x fewer", "PFLOP": f"{ours / 1e15:.2g}",
            "PFLOP of the paper's training": f"{theirs / 1e15:,.0f}",
            "which is": f"{theirs / ours:,.0f} x less"})
    return table(lines)


@section
def compute_finding(published: Published) -> str:
    images = [reached(published, pair)[0] for pair in PAIRS]
    return f"{min(images):,} to {max(images):,} images"


def draw(published: Published, path: Path) -> None:
    """A line for each pair, from our images to the paper's."""
    figure, (axes,) = panels(1, (6, 3))
    axes.grid(visible=False)
    theirs = published.paper["images_seen"]
    for place, pair in enumerate(reversed(PAIRS)):
        ours, _ = reached(published, pair)
        axes.plot([ours, theirs], [place, place], color="#bbbbbb", zorder=1)
        axes.plot(ours, place, "o", color="#0072b2")
        axes.plot(theirs, place, "o", color="#1a1a1a")
        axes.annotate(f"{ours:,}", (ours, place), (0, 5), textcoords="offset points", ha="center", fontsize=8,
                      color="#0072b2")
    axes.set(xscale="log", xlim=(2e3, 1e8), xlabel="training images", ylim=(-0.6, len(PAIRS) - 0.3),
             title="Until direct reconstruction has the paper's RMSE")
    axes.set_yticks(range(len(PAIRS)), list(reversed(PAIRS.values())))
    axes.text(theirs, len(PAIRS) - 0.85, f"the paper: {theirs / 1e6:g} million", ha="right", va="bottom",
              fontsize=8)
    figure.savefig(path, dpi=110)
