"""Is the mean of a network's weights before and after a further training better than both?

Wortsman et al. (2022) ask that of classifiers. Give --before and --after, two weights files. In the published
rows they are the model of pixelated digits made for realism as it was shipped before, and step 21,000 of
"four times longer, then as long again", whose weights were not kept. Each mean is written to
RUNS/mean_weights. Eight minutes a row of one CPU core, nearly all of it Inception's.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colddiff_nb import load
from colddiff_nb.storage.checkpoint import export_weights, load_weights
from studies.calls import SCORES, shown
from studies.models import two_calls
from studies.published import Fields, Published
from studies.study import Study
from studies.tables import section, table


@dataclass
class MeanWeights(Study):
    before: Path = Path("before.safetensors")
    after: Path = Path("after.safetensors")
    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)  # of the later weights
    n: int = 2_000  # validation images of MNIST, spread over the split

    file = "mean_weights.json"

    def header(self) -> Fields:
        before, after = (load_weights(path)[1]["checksum"] for path in (self.before, self.after))
        return {"split": "validation", "n": self.n, "inception": "float32", "method": "two-calls",
                "before": before, "after": after}

    def cases(self) -> list[Fields]:
        return [{"share": share} for share in self.shares]

    def measure(self, share: float) -> Iterator[Fields]:
        path = self.runs / f"mean_weights/{share}.safetensors"
        if share == 0:
            path = self.before
        elif share == 1:
            path = self.after
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mean(path, self.before, self.after, share)
        cell, = self.score(path, load("mnist", "validation", self.data), fid="float32", n=self.n,
                           methods={"two-calls": two_calls})
        yield {"weights": cell["provenance"]["weights"]} | {score: cell[score] for score in SCORES}


def write_mean(path: Path, before: Path, after: Path, share: float) -> None:
    """Write (1 - share) of the earlier weights plus share of the later ones, with the metadata of these.

    Raises ValueError unless the later ones went on from the earlier ones.
    """
    (old, begun), (new, metadata) = load_weights(before), load_weights(after)
    if (metadata["init"] or {}).get("checksum") != begun["checksum"]:
        raise ValueError(f"{after} did not go on from {before}: give the weights it started from as --before")
    mean = {name: old[name].lerp(new[name], share) for name in new}
    said = {"mean": {"share": share, "before": begun["checksum"]}}
    export_weights(path, mean, metadata | said, keep=("precondition.",))


@section
def mean_weights(published: Published) -> str:
    record = published.read("mean_weights.json")
    return f"{record['n']:,} {record['split']} digits, from float32, by two calls:\n\n" + table([
        {"share of the later weights": f"{row['share']:.0%}"} | shown(row) for row in record["rows"]])
