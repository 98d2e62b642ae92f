"""The paper's figures beside ours: the summary, every row, the best sampler; least squares; our own goals."""
from studies.published import BOTH, METHODS, METRICS, PAIRS, SIGNS, Fields, Published, full, half
from studies.tables import (
    FROM,
    MISSING,
    bold,
    by_pair,
    compare,
    number,
    printed_score,
    section,
    table,
    titled,
)

# An FID this near to the paper's is a tie: the largest gap of degraded images that are scored as the paper's,
# what rounding changes on restorations, what bfloat16 changes, and half an interval, together.
FID_TIE = 0.087
BFLOAT16 = 0.03  # what Inception in bfloat16 changed FID by at most


def against_paper(published: Published, row: Fields | None, metric: str) -> str:
    """The verdict on a score beside the paper's; "" where one of the two is missing.

    A tie is not further from the printed figure than half the interval and half its last digit.
    """
    if row is None or metric not in row or row["method"] not in BOTH:
        return ""
    printed = published.printed(row["pair"], row["method"])[metric.upper()]
    near = FID_TIE * printed + 0.005 if metric == "fid" else half(row, metric) + 0.0005
    return compare(row[metric], printed, near, SIGNS[metric])


def among_ours(row: Fields, other: Fields, metric: str) -> str:
    """The verdict beside another of ours on the same images.

    A tie is as printed, or within half the other's interval, or for FID what bfloat16 changed at most.
    """
    near = half(other, metric)
    if metric == "fid" and "bfloat16" in row["protocol"] + other["protocol"]:
        near = BFLOAT16 * other[metric]
    near = max(near, 0.5 * 10 ** -METRICS[metric][1])
    return compare(row[metric], other[metric], near, SIGNS.get(metric, -1))


@section
def summary(published: Published) -> str:
    lines = []
    for pair, variant, _ in published.cases():
        line = {"pair": titled(pair, variant), "budget": published.share(pair)}
        for metric in SIGNS:
            for method in BOTH:
                found = [published.best(pair, method, precision, variant, metric) for precision in FROM]
                ours = ", ".join(bold(number(row, metric, digits=2 if metric == "fid" else 3),
                                      against_paper(published, row, metric) == "better") for row in found)
                theirs = printed_score(published, pair, method, metric)
                line[f"{metric.upper()} of {METHODS[method]}"] = f"{ours} / {theirs}"
        lines.append(line)
    return table(lines)


@section
def rows(published: Published) -> str:
    """Every row beside the paper's, the full test split first, and those of the model shipped before."""
    every = published.find(kind="RMSE") + published.find(kind="earlier")
    with_fid = [place(row) for row in every if "fid" in row]
    every = [row for row in every if "fid" in row or place(row) not in with_fid]
    every.sort(key=lambda row: (not full(row), list(METHODS).index(row["method"]),
                                row["measurement_precision"] != "float32", row["kind"] == "earlier"))
    return by_pair({titled(pair, variant): table([
        *(paper_row(published, pair, method) for method in ("degraded", *BOTH)),
        *(score_row(published, row) for row in every if (row["pair"], row["variant"]) == (pair, variant))])
        for pair, variant, _ in published.cases()})


def place(row: Fields) -> list[str]:
    """What tells a row from others, but for how its FID was taken."""
    made_by = "" if row["method"] == "degraded" else row["folder"]
    return [row["pair"], row["variant"], row["method"], row["measurement_precision"], row["images"], made_by]


def paper_row(published: Published, pair: str, method: str) -> Fields:
    """The first rows of a table, which name its columns."""
    scores = {metric.upper(): printed_score(published, pair, method, metric) for metric in SIGNS}
    return {"method": f"*the paper*, {METHODS[method]}", "from": "–", **scores,
            "FID taken of": "as they are", "class accuracy": "–", "Frechet": "–", "gain": "–",
            "images": "test, 10,000"}


def score_row(published: Published, row: Fields) -> Fields:
    """A row's scores, bold where those of the full split are better than the paper's."""
    scores = {}
    for metric, (name, _) in METRICS.items():
        verdict = against_paper(published, row, metric) if full(row) and metric in SIGNS else ""
        text = number(row, metric, True).removesuffix(f" ({row['images']})") + " (tie)" * (verdict == "tie")
        scores[name] = bold(text, verdict == "better")
    of = " (8-bit model)" * (row["folder"].endswith("-8bit") and row["method"] != "degraded")
    of += ", model before" * (row["kind"] == "earlier")
    return {"method": METHODS[row["method"]] + of, "from": FROM[row["measurement_precision"]],
            "FID taken of": row["protocol"] or "–", "images": row["images"], **scores}


@section
def best(published: Published) -> str:
    """Our samplers from float32: bold is the best and what ties with it. The paper has no Algorithm 1."""
    lines = []
    for pair, variant, title in published.cases():
        for metric in (*SIGNS, "frechet"):
            found = {method: published.best(pair, method, variant=variant, metric=metric)
                     for method in ("direct", "algorithm1", "algorithm2")}
            sign, here, theirs = SIGNS.get(metric, -1), "–", "–"
            direct, sampled = map(found.get, BOTH)
            winner = max(filter(None, found.values()), key=lambda row: sign * row[metric], default={})
            if direct and sampled:
                here = among_ours(sampled, direct, metric)
            if metric in SIGNS:
                first, last = (published.printed(pair, method)[metric.upper()] for method in BOTH)
                theirs = compare(last, first, 0, sign)
            ties = [row for row in found.values() if row and among_ours(row, winner, metric) == "tie"]
            lines.append({
                "pair": title, "metric": METRICS[metric][0], **marked(found, metric, ties),
                "Algorithm 2 beside direct": here, "in the paper": theirs})
    return table(lines)


def marked(found: dict[str, Fields | None], metric: str, best: list[Fields]) -> dict[str, str]:
    """The score of each method, those of the best rows in bold."""
    return {METHODS[method]: bold(number(row, metric), row in best) for method, row in found.items()}


@section
def glance(published: Published) -> str:
    """What the network adds over least squares, and what iterating costs. Bold is the least RMSE."""
    lines = []
    for pair, variant, title in published.cases():
        for precision, source in FROM.items():
            found, with_fid = ({method: published.best(pair, method, precision, variant, metric)
                                for method in ("lmmse", *BOTH)} for metric in ("rmse", "fid"))
            least = sorted(filter(None, found.values()), key=lambda row: row["rmse"])[:1]
            direct, sampled = map(found.get, BOTH)
            lines.append({
                "pair": title, "from": source,
                "budget": published.share(direct["folder"]) if direct else "–",
                **marked(found, "rmse", least),
                "Algorithm 2 / direct":
                f"{sampled['rmse'] / direct['rmse']:.2f}" if direct and sampled else "–",
                "FID, LMMSE": number(with_fid["lmmse"], "fid"),
                "FID, direct": number(with_fid["direct"], "fid")})
    return table(lines)


@section
def goals(published: Published) -> str:
    """Direct reconstruction on the full test split, beside what this project set out to reach."""
    lines = []
    for aim in published.read("goals.json")["goals"]:
        pair, variant, metric = aim["pair"], aim["variant"], aim["metric"].lower()
        row = published.best(pair, "direct", aim["precision"], variant, metric)
        lines.append({
            "pair": titled(pair, variant), "from": FROM[aim["precision"]], "metric": aim["metric"],
            "goal": f"{aim['goal']:.3f}", "measured": number(row, metric),
            "it is": compare(row[metric], aim["goal"], 0, SIGNS[metric]) if row else MISSING})
    return table(lines)


@section
def budgets(published: Published) -> str:
    """The images that the models made for float32 saw, as a share of the paper's."""
    seen = [model["images_seen"] for name, model in published.models.items() if name in PAIRS]
    least, most = (100 * of(seen) / published.paper["images_seen"] for of in (min, max))
    return f"{least:.1f}% to {most:.1f}%"


@section
def images_seen(published: Published) -> str:
    seen = [model["images_seen"] for model in published.models.values()]
    return f"{min(seen):,} to {max(seen):,}"
