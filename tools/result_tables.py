"""The tables of results/README.md, each a function of what was published; SECTIONS names their places in the template."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from result_rows import METHODS, PAIRS, Published, Row

from colddiff_nb.recipes import recipe

PAPER_METHODS = {"degraded": "degraded", "direct": "direct", "algorithm2": "sampled"}
SAMPLED = ("direct", "algorithm1", "algorithm2")
SCORES = {"RMSE": ("rmse", 4, -1), "SSIM": ("ssim", 4, 1), "FID": ("fid", 2, -1)}  # in the cells, digits, +1 where more is better
MISSING = "not run"
FROM = {"float32": "float32", "8bit": "8 bits"}
MADE_FOR = {"float32": "the model made for float32", "8bit": "the model made for 8 bits", "both": "the one model made for both"}


def markdown(head: str, rows: Iterable[Iterable[Any]]) -> str:
    """A table; head is "a | b | c"."""
    body = [" | ".join(str(value) for value in row) for row in rows]
    lines = [head, " | ".join(["---"] * len(head.split(" | "))), *body]
    return "\n".join(f"| {line} |" for line in lines) if body else "Nothing yet."


def number(row: Row | None, metric: str, digits: int, interval: bool = False) -> str:
    """The value, † where it is not of the full test split, ≈ where Inception ran in bfloat16, and half its interval."""
    value = None if row is None else row.number(metric)
    if row is None or value is None:
        return MISSING
    text = ("≈ " if metric == "fid" and row.fid_rank == 1 else "") + f"{value:.{digits}f}"
    if interval and f"{metric}_interval" in row.cell:
        low, high = row.cell[f"{metric}_interval"]
        text += f" ± {(high - low) / 2:.{digits}f}"
    return text + ("" if row.full else " †")


def verdict(true: bool, *rows: Row) -> str:
    return ("yes" if true else "**no**") + ("" if all(row.full for row in rows) else " †")


def below(row: Row | None, limit: float | Row | None) -> str:
    """Whether the row's RMSE is below another's, or a number."""
    others = [limit] if isinstance(limit, Row) else []
    value = limit.cell["rmse"] if isinstance(limit, Row) else limit
    return "–" if row is None or value is None else verdict(row.cell["rmse"] < value, row, *others)


def cases(published: Published) -> list[tuple[str, str, str]]:
    """(pair, variant, title) of every pair, the variant named where there are several."""
    return [(pair, variant, title if len(published.variants(pair)) == 1 else f"{title}, {variant}")
            for pair, title in PAIRS.items() for variant in published.variants(pair)]


def glance(published: Published) -> str:
    rows = []
    for pair, variant, title in cases(published):
        printed = published.paper["pairs"][pair]
        comparable = variant == printed["variant"]
        for measurement, name in FROM.items():
            linear, direct, sampled = (published.best(pair, method, measurement, variant) for method in ("linear", "direct", "algorithm2"))
            goal = [printed[method]["RMSE"] if comparable else None for method in ("direct", "sampled")]
            ratio = "–"
            if direct and sampled and direct.images == sampled.images:
                ratio = f"{sampled.cell['rmse'] / direct.cell['rmse']:.2f}" + ("" if direct.full else " †")
            rows.append((title, name, "no single matrix" if pair.startswith("inpaint") else number(linear, "rmse", 4), number(direct, "rmse", 4),
                         number(sampled, "rmse", 4), ratio, below(direct, linear), below(direct, goal[0]), below(sampled, goal[1])))
    return markdown("pair | from | linear | direct | Algorithm 2 | Alg. 2 / direct | direct below linear | direct below the paper's | "
                    "Alg. 2 below the paper's", rows)


def glance_notes(published: Published) -> str:
    """Where the paper is beaten, but only from float32; and what float32 keeps."""
    notes = []
    for pair, title in PAIRS.items():
        for method, printed in (("linear", "direct"), ("direct", "direct"), ("algorithm2", "sampled")):
            goal = published.paper["pairs"][pair][printed]["RMSE"]
            exact, rounded = (published.best(pair, method, measurement) for measurement in ("float32", "8bit"))
            if exact and rounded and exact.cell["rmse"] < goal <= rounded.cell["rmse"]:
                maker = f"by {MADE_FOR[published.models[rounded.folder]['recipe']['measurement']]}" if method != "linear" else "made for 8 bits"
                notes.append(f"- {title}, {METHODS[method]}: below the paper's {goal:.3f} **only from float32** "
                             f"({number(exact, 'rmse', 4)}; from 8 bits {number(rounded, 'rmse', 4)}, {maker}).")
    errors = [f"{row.cell['linear']['measured_noise'] ** 0.5:.1e} ({row.pair}, {row.key[0]})" for row in published.rows
              if row.key[1:] == ("linear", "float32") and row.pair.startswith("deblur")]
    notes.append("- The linear estimator's noise is measured, and tuned on validation images. What it finds in float32 depends on how D rounds: "
                 f"the root mean square error of x_T is {', '.join(errors) or MISSING}.")
    return "\n".join(notes)


def models(published: Published) -> str:
    rows = []
    for name, metadata in published.models.items():
        options = metadata["recipe"]
        scored = {row.cell["provenance"].get("weights") for row in published.rows if row.folder == name} - {None}
        current = MISSING if not scored else "yes" if scored == {metadata["checksum"]} else "**no, older weights**"
        rows.append((f"[{name}]({name}/)", options["measurement"], f"{options['network']}, {metadata['parameters'] / 1e6:.2f} M",
                     f"{metadata['images_seen']:,}",
                     published.share(name), f"{metadata['step']:,} x {options['batch'] * options['accumulate']}",
                     f"{metadata['data']['name']} {metadata['data']['split']}, {metadata['data']['n']:,}", options["seed"], current))
    return markdown("model | made for | network, parameters | images seen | share of the paper's | last stage: steps x batch | trained on | seed | "
                    "rows are of these weights", rows)


def paper(published: Published) -> str:
    parts = []
    for pair, title in PAIRS.items():
        printed, rows = published.paper["pairs"][pair], []
        for method, column in PAPER_METHODS.items():
            for metric, (key, digits, sign) in SCORES.items():
                row, theirs = published.best(pair, method, metric=key), printed[column][metric]
                ours = None if row is None else row.number(key)
                mark = printed[column].get("notes", {}).get(metric)
                gap = "–" if ours is None else f"{ours - theirs:+.{digits - (metric != 'FID')}f}"
                if ours is not None and method != "degraded":
                    gap += " (better)" if sign * (ours - theirs) > 0 else " (worse)"
                mark = f" ({mark})" if mark else ""
                resize = f", {row.inception}" if row and key == "fid" else ""
                rows.append((METHODS[method], metric, f"{theirs:.{3 if metric != 'FID' else 2}f}{mark}", number(row, key, digits, True), gap,
                             "none needed" if method == "degraded" else published.share(pair), row.images + resize if row else "–"))
        parts.append(f"### {title}, {printed['variant']}\n\n" + markdown("method | metric | paper | ours | gap | budget | images", rows))
    return "\n\n".join(parts)


def paper_notes(published: Published) -> str:
    return "\n".join(f"({mark}) {text}  " for mark, text in published.paper["notes"].items())


def misprint(published: Published) -> str:
    rows = {variant: published.best("deblur-mnist", "degraded", variant=variant) for variant in published.variants("deblur-mnist")}
    measured = ", ".join(f"{row.cell['ssim']:.4f} ({variant})" for variant, row in rows.items() if row)
    printed = published.paper["pairs"]["deblur-mnist"]["degraded"]
    return (f"**A misprint in the paper.** For degraded MNIST deblurring it prints an SSIM of {printed['SSIM']}, the same digits as its RMSE "
            f"({printed['RMSE']}). Measured: {measured or MISSING}.")


def best(published: Published) -> str:
    """The paper has no Algorithm 1, so that its verdicts need the two others alone; the Frechet distance is ours."""
    rows = []
    for pair, title in PAIRS.items():
        printed = published.paper["pairs"][pair]
        for metric, (key, digits, sign) in (SCORES | {"Frechet": ("frechet", 1, -1)}).items():
            found = published.together(pair, SAMPLED, key) or published.together(pair, ("direct", "algorithm2"), key)
            scored = [method for method in SAMPLED if method in found]
            order = sorted(scored, key=lambda method: -sign * found[method].cell[key])
            shown = {method: number(found.get(method), key, digits) for method in SAMPLED}
            winner = ", ".join(METHODS[method] for method in scored if shown[method] == shown[order[0]]) or MISSING
            theirs, agree = "–", "–"
            if metric in SCORES:
                theirs = max(("direct", "algorithm2"), key=lambda method: sign * printed[PAPER_METHODS[method]][metric])
                if found:
                    agree = verdict(next(method for method in order if method != "algorithm1") == theirs, *found.values())
                theirs = METHODS[theirs]
            rows.append((title, metric, *shown.values(), winner, theirs, agree))
    return markdown("pair | metric | direct | Algorithm 1 | Algorithm 2 | best here | paper | agree", rows)


def fid_precision(published: Published) -> str:
    """What Inception in bfloat16 changes, where the same restorations were scored in both."""
    places: dict[Any, list[Row]] = {}
    for row in published.all_rows:
        if row.fid_rank:
            places.setdefault((row.pair, row.key, row.images), []).append(row)
    pairs = [sorted(rows, key=lambda row: row.fid_rank) for rows in places.values() if len(rows) == 2]
    return markdown("pair | method | FID, float32 | FID, bfloat16", (
        (PAIRS[exact.pair], METHODS[exact.key[1]], f"{exact.cell['fid']:.3f}", f"{fast.cell['fid']:.3f}") for fast, exact in pairs))


def score_row(row: Row, images: bool) -> tuple[str, ...]:
    method = METHODS[row.cell["method"]] + (" (8-bit model)" if row.folder.endswith("-8bit") and row.cell["method"] != "degraded" else "")
    shown = [number(row, key, digits, key in ("rmse", "ssim")).removesuffix(" †")
             for key, digits in (("rmse", 4), ("ssim", 4), ("fid", 2), ("identity", 3), ("frechet", 1), ("gain", 2))]
    return method, FROM[row.cell["measurement"]], *shown, *([row.images] if images else [])


def all_rows(published: Published) -> str:
    parts = []
    head = "method | from | RMSE | SSIM | FID | identity | Frechet | gain"
    for pair, variant, title in cases(published):
        rows = sorted((row for row in published.rows if row.pair == pair and row.key[0] == variant),
                      key=lambda row: (list(METHODS).index(row.key[1]), row.key[2] != "float32", row.folder))
        full, others = [row for row in rows if row.full], [row for row in rows if not row.full]
        parts.append(f"### {title if ', T' in title else f'{title}, {variant}'}\n\nThe full test split:\n\n" + markdown(
            head, (score_row(row, False) for row in full)))
        if others:
            parts.append("† Other images, not comparable with the table above:\n\n" + markdown(
                f"{head} | images", (score_row(row, True) for row in others)))
    return "\n\n".join(parts)


def deviations(published: Published) -> str:
    ours, theirs = (asdict(recipe(name, "deblur", "mnist")) for name in ("small", "paper"))
    seen = [metadata["images_seen"] for metadata in published.models.values()]
    sizes = [metadata["parameters"] / 1e6 for metadata in published.models.values()]
    return markdown("what | paper | here | why", [
        ("images seen", f"{published.paper['images_seen']:,}", f"{min(seen):,} to {max(seen):,}" if seen else MISSING, "trained without a GPU"),
        ("network", "56.6 M parameters (MNIST), 35.7 M (CIFAR-10)", f"{max(sizes):.1f} M" if sizes else MISSING,
         "the same; the paper's networks are in the package"),
        ("input", "x_t alone", "x_t, and x_t amplified in float32 by a fixed preconditioner: a linear estimate of x0, or for masks a logarithm",
         "what blur and masks leave is too small to be found soon"),
        ("output", "x0", "a correction of the linear estimate; for masks x_t times a gain, plus a correction", "a gain undoes attenuation"),
        ("loss", "L1", "L1; L2 for the models made for 8 bits alone", "where much is lost, L1's median has more RMSE than the mean"),
        ("optimiser", f"Adam {theirs['learning_rate']}, {theirs['schedule']}, no clipping",
         f"Adam {ours['learning_rate']}, {ours['schedule']}, clipping at {ours['clip']:g}", "a short training must use every step"),
        ("t in training", theirs["severities"], "20 % uniform, 20 % rising in t, 60 % at T", "the score is taken at t = T"),
        ("x_t in training", "D(x0, t)", "half of the batch walks through Algorithm 2, a step of the sampler each training step",
         "the sampler's states are not D(x0, s): its own predictions made them"),
        ("x_s in Algorithm 2", "float32", "float64 between the network's calls", "the rounding of T small steps adds up"),
        ("EMA", "0.995 every 10 steps", "every step, half-life 3 % of the steps", "a short training"),
        ("augmentation", "CIFAR-10: flip and crop", "CIFAR-10: flip", "crops shift what the borders see"),
        ("training images", "the training file", "less 5,000 held out for validation", "choices are made on those, the test split is scored once"),
        ("deblurring MNIST", "T = 40 in its text as the report quotes it; its table fits 20", "one network for T = 40, also scored from t = 20",
         "to have both rows"),
        ("super-resolution", "the official command says bicubic", "average pooling", "the paper's degraded rows match it"),
        ("masks", "8-bit x_T in the official code", "rounding is the measurement's, given as rows of their own", "to see what it costs")])


def classifier(published: Published) -> str:
    """Which classifiers the columns identity and Frechet rest on, and how well they read the originals."""
    records = [record for dataset in ("mnist", "cifar10") if (record := published.read(f"classifier-{dataset}/record.json"))]
    named = [f"*{record['name']}*, {record['features']} features, right on {record['accuracy']:.2%} of the test split" for record in records]
    return f"The classifiers: {'; '.join(named)}." if named else "No classifier has been published yet."


def quick(published: Published) -> str:
    rows = []
    for row in published.quick:
        shown = [number(row, key, digits).removesuffix(" †") for key, digits in (("rmse", 3), ("ssim", 3), ("gain", 2))]
        rows.append((f"{row.pair}, {row.key[0]}", METHODS[row.key[1]], FROM[row.key[2]], *shown,
                     f"{row.cell['data']} {row.cell['split']}, {row.cell['n']:,}"))
    return markdown("pair | method | from | RMSE | SSIM | gain | images", rows)


def not_run(published: Published) -> str:
    lines = []
    for pair, title in PAIRS.items():
        methods = [method for method in METHODS if not (method == "linear" and pair.startswith("inpaint"))]
        missing = [f"{METHODS[method]} from {FROM[measurement]}" for measurement in FROM for method in methods
                   if not ((row := published.best(pair, method, measurement)) and row.full)]
        if missing:
            lines.append(f"- {title}, not on the full test split: {', '.join(missing)}.")
        if missing := [METHODS[method] for method in methods if not published.best(pair, method, metric="fid")]:
            lines.append(f"- {title}, no FID from float32: {', '.join(missing)}.")
    if not any(row.fid_rank and row.key[2] == "8bit" for row in published.rows):
        lines.append("- FID from 8 bits: no row.")
    eight = [pair for pair in PAIRS if pair.startswith("deblur") and f"{pair}-8bit" not in published.models]
    lines += [f"- A model made for 8-bit measurements: {', '.join(eight)}."] if eight else []
    lines.append("- The linear estimator of inpainting: every image has another mask, so there is no single matrix.")
    unread = [title for pair, title in PAIRS.items() if any(row.pair == pair and row.number("identity") is None for row in published.rows)]
    lines += [f"- Identity and Frechet, not of all rows: {'; '.join(unread)}."] if unread else []
    return "\n".join(lines)


def reliability(published: Published) -> str:
    """What make soak survived, in a sentence."""
    soak = published.read("reliability.json")
    if not soak:
        return "Not run yet: `make soak`."
    return (f"`make soak` (seed {soak['seed']}, {soak['seconds']:,} s on {soak['versions']['system']}, PyTorch {soak['versions']['torch']}) "
            f"survived {soak['kills_survived']:,} kills and {soak['faults_injected']:,} faults in {soak['trainings_equal_bit_for_bit']} tiny "
            f"trainings, each equal to an uninterrupted one bit for bit at its end; {soak['cases_fuzzed']:,} cases of odd input at "
            f"{len(soak['cases'])} doors gave a valid result or one clear line. [By kind](reliability.json).")


SECTIONS: dict[str, Callable[[Published], str]] = {
    "classifier": classifier, "glance": glance, "glance_notes": glance_notes, "models": models, "paper": paper, "paper_notes": paper_notes,
    "misprint": misprint, "best": best, "fid_precision": fid_precision, "rows": all_rows, "deviations": deviations, "quick": quick,
    "reliability": reliability, "not_run": not_run}
