"""Builds the pages of results/ from what lies there: no score is typed by hand."""
from pathlib import Path

from benchmarks.findings import tables as benchmark_tables
from studies import compute, plane, plot
from studies.models import card
from studies.published import Published
from studies.study import RESULTS, all_studies
from studies.tables import SECTIONS, render, section


@section
def bench(published: Published) -> str:
    return benchmark_tables(published.folder)


@section
def reliability(published: Published) -> str:
    if not (published.folder / "reliability.json").is_file():
        return "Not run yet: `make soak`."
    soak = published.read("reliability.json")
    cuda = ""
    if "cuda_tests" in soak:
        cuda = (" {n} tests that need a GPU passed on {device}, PyTorch {torch}."
                ).format(**soak["cuda_tests"], n=len(soak["cuda_tests"]["passed"]))
    return ("`make soak` (seed {seed}, {seconds:,} s on {versions[system]}, PyTorch {versions[torch]}) "
            "survived {kills_survived:,} kills and {faults_injected:,} faults in "
            "{trainings_equal_bit_for_bit} tiny trainings. Each ended equal to an uninterrupted one, bit for "
            "bit. {cases_fuzzed:,} cases of odd input at {doors} doors gave a valid result or one clear "
            "line. [By kind](reliability.json).").format(**soak, doors=len(soak["cases"])) + cuda


def build(results: Path = RESULTS) -> dict[str, str]:
    """The pages by their paths in the results folder."""
    all_studies()  # which brings their sections
    published = Published(results)
    told = {name: fill(published) for name, fill in SECTIONS.items()}
    pages = {name: render(name, told) for name in ("README.md", "details.md", "speed.md")}
    return pages | {f"{name}/README.md": card(published, name)
                    for name in published.models | published.sharper}


def write() -> None:
    plot.draw(Published(RESULTS), RESULTS / "pictures" / "scores.png")
    plane.draw(Published(RESULTS), RESULTS / "pictures" / "plane.png")
    compute.draw(Published(RESULTS), RESULTS / "pictures" / "compute.png")
    for page, text in build().items():
        (RESULTS / page).write_text(text)
