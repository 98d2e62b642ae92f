"""Builds the pages of results/ and the tables of README.md from what lies in results/: no score is typed by hand."""
from __future__ import annotations

from pathlib import Path

from benchmarks.findings import tables as benchmark_tables
from colddiff_nb.weights.pretrained import RESULTS
from studies import goals, overview, paper, quick  # noqa: F401  (their sections)
from studies.models import card
from studies.published import Published
from studies.study import all_studies
from studies.tables import SECTIONS, section

PAGES = Path(__file__).parent / "pages"


@section
def reliability(published: Published) -> str:
    """What make soak survived, in a sentence."""
    soak = published.read("reliability.json")
    if not soak:
        return "Not run yet: `make soak`."
    return (f"`make soak` (seed {soak['seed']}, {soak['seconds']:,} s on {soak['versions']['system']}, PyTorch "
            f"{soak['versions']['torch']}) survived {soak['kills_survived']:,} kills and {soak['faults_injected']:,} faults in "
            f"{soak['trainings_equal_bit_for_bit']} tiny trainings, each equal to an uninterrupted one bit for bit at its end; "
            f"{soak['cases_fuzzed']:,} cases of odd input at {len(soak['cases'])} doors gave a valid result or one clear line. "
            "[By kind](reliability.json).")


def build(results: Path = RESULTS) -> dict[str, str]:
    """The pages by their paths in the results folder."""
    all_studies()  # which brings their sections
    published = Published(results)
    pages = {name: (PAGES / name).read_text() for name in ("README.md", "details.md")}
    for name, fill in SECTIONS.items():
        place = f"{{{{{name}}}}}"
        if any(place in text for text in pages.values()):
            told = fill(published)
            pages = {page: text.replace(place, told) for page, text in pages.items()}
    pages |= {f"{name}/README.md": card(published, name) for name in published.models}
    return {page: text.replace("\n\n\n", "\n\n").strip() + "\n" for page, text in pages.items()}


def build_readme(readme: str, results: Path = RESULTS) -> str:
    """README.md with its tables written again."""
    published = Published(results)
    parts = {"quick": quick.first_table(published), "results": paper.summary(published),
             "bench": benchmark_tables(results)}
    for name, content in parts.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if start in readme:
            before, _, rest = readme.partition(start)
            readme = f"{before}{start}{content}\n{end}{rest.partition(end)[2]}"
    return readme


def write() -> None:
    for page, text in build().items():
        (RESULTS / page).write_text(text)
    readme = RESULTS.parent / "README.md"
    readme.write_text(build_readme(readme.read_text()))
