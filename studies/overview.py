"""What the network adds over least squares, and our own goals."""
from studies.published import Published
from studies.tables import (
    FROM,
    MISSING,
    SCORES,
    bold,
    cases,
    compare,
    least_to_most,
    number,
    section,
    table,
    titled,
)


@section
def glance(published: Published) -> str:
    """What the network adds over least squares, and what iterating costs. Bold is the least RMSE."""
    rows = []
    for pair, variant, title in cases(published):
        for precision, name in FROM.items():
            found = [published.best(pair, method, precision, variant)
                     for method in ("lmmse", "direct", "algorithm2")]
            fids = [published.best(pair, method, precision, variant, "fid") for method in ("lmmse", "direct")]
            least = min((row.cell["rmse"] for row in found if row), default=0)
            shown = [bold(number(row, "rmse", 4), row is not None and row.cell["rmse"] == least)
                     for row in found]
            _, direct, sampled = found
            ratio = f"{sampled.cell['rmse'] / direct.cell['rmse']:.2f}" if direct and sampled else "–"
            rows.append((title, name, published.share(direct.folder) if direct else "–", *shown, ratio,
                         *(number(row, "fid", 2) for row in fids)))
    return table("pair | from | budget | LMMSE | direct | Algorithm 2 | Algorithm 2 / direct | "
                 "FID, LMMSE | FID, direct", rows)



@section
def goals(published: Published) -> str:
    """Direct reconstruction on the full test split, beside what this project set out to reach."""
    lines = []
    for aim in published.read("goals.json")["goals"]:
        (key, digits, sign), goal = SCORES[aim["metric"]], aim["goal"]
        row = published.best(aim["pair"], "direct", aim["precision"], aim["variant"], key)
        verdict = compare(row.cell[key], goal, 0, sign) if row else MISSING
        lines.append((titled(aim["pair"], aim["variant"]), FROM[aim["precision"]], aim["metric"],
                      f"{goal:.3f}", number(row, key, digits), verdict))
    return table("pair | from | metric | goal | measured | it is", lines)


@section
def images_seen(published: Published) -> str:
    return least_to_most([metadata["images_seen"] for metadata in published.models.values()], "{:,}")
