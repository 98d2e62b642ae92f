"""Tables of results/README.md and details.md, each a function of what was published; SECTIONS names their places in the templates."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from result_rows import METHODS, PAIRS, Published, Row

from colddiff_nb.training import recipe

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
    text = ("≈ " if metric == "fid" and row.fid_in_bfloat16 else "") + f"{value:.{digits}f}"
    if interval and f"{metric}_interval" in row.cell:
        low, high = row.cell[f"{metric}_interval"]
        text += f" ± {(high - low) / 2:.{digits}f}"
    return text + ("" if row.full else " †")


def printed_score(theirs: dict[str, Any], metric: str) -> str:
    """A figure of the paper, and the mark of its note if it has one."""
    mark = theirs.get("notes", {}).get(metric)
    return f"{theirs[metric]:.{2 if metric == 'FID' else 3}f}" + (f" ({mark})" if mark else "")


def verdict(true: bool, *rows: Row) -> str:
    return ("yes" if true else "**no**") + ("" if all(row.full for row in rows) else " †")


def below(row: Row | None, other: Row | None) -> str:
    """Whether the row's RMSE is below another's."""
    return "–" if row is None or other is None else verdict(row.cell["rmse"] < other.cell["rmse"], row, other)


def cases(published: Published) -> list[tuple[str, str, str]]:
    """(pair, variant, title) of every pair, the variant named where there are several."""
    return [(pair, variant, title if len(published.variants(pair)) == 1 else f"{title}, {variant}")
            for pair, title in PAIRS.items() for variant in published.variants(pair)]


def titled(pair: str, variant: str) -> str:
    return f"{PAIRS[pair]}, {variant}"


def glance(published: Published) -> str:
    rows = []
    for pair, variant, title in cases(published):
        for precision, name in FROM.items():
            linear, direct, sampled = (published.best(pair, method, precision, variant) for method in ("lmmse", "direct", "algorithm2"))
            ratio = "–"
            if direct and sampled and direct.images == sampled.images:
                ratio = f"{sampled.cell['rmse'] / direct.cell['rmse']:.2f}" + ("" if direct.full else " †")
            rows.append((title, name, published.share(direct.folder) if direct else "–", number(linear, "rmse", 4), number(direct, "rmse", 4),
                         number(sampled, "rmse", 4), ratio, below(direct, linear), below(sampled, linear)))
    return markdown("pair | from | budget | LMMSE | direct | Algorithm 2 | Alg. 2 / direct | direct below LMMSE | Alg. 2 below LMMSE", rows)


def glance_notes(published: Published) -> str:
    """Where no network is needed to be below the paper, and what float32 keeps."""
    ahead = []
    for pair, title in PAIRS.items():
        goal = published.paper["pairs"][pair]["direct"]["RMSE"]
        exact, rounded = (published.best(pair, "lmmse", precision) for precision in FROM)
        if exact and rounded and exact.cell["rmse"] < goal:
            only = "" if rounded.cell["rmse"] < goal else " **only from float32**"
            ahead.append(f"{title}{only} ({number(exact, 'rmse', 4)}, from 8 bits {number(rounded, 'rmse', 4)}; the paper {goal:.3f})")
    errors = [f"{row.cell['lmmse']['measured_noise'] ** 0.5:.1e} ({titled(row.pair, row.key[0])})" for row in published.rows
              if row.key[1:] == ("lmmse", "float32") and row.pair.startswith("deblur")]
    return (f"Least squares alone, without any network, is below the paper's direct RMSE for {'; '.join(ahead) or 'no pair'}. "
            f"How noisy it takes x_T to be was tuned on validation images; what it finds in float32 depends on how D rounds. The x_T of this "
            f"package is off the exact D(x_0, T), root mean square on [-1, 1], by {', '.join(errors) or MISSING}.")


def glance_fid(published: Published) -> str:
    """What the network adds over least squares in FID."""
    shown, ahead = [], []
    for pair, variant, title in cases(published):
        linear, direct = (published.best(pair, method, variant=variant, metric="fid") for method in ("lmmse", "direct"))
        goal = published.paper["pairs"][pair]["direct"]["FID"]
        if linear and direct:
            shown.append(f"{title} {number(linear, 'fid', 2)} / {number(direct, 'fid', 2)}")
        if linear and linear.cell["fid"] < goal:
            rounded = published.best(pair, "lmmse", "8bit", variant, "fid")
            only = "" if rounded and rounded.cell["fid"] < goal else " **only from float32**"
            ahead.append(f"{title}{only} (from 8 bits {number(rounded, 'fid', 2)}; the paper {goal:.2f})")
    alone = f" Least squares alone is below the paper's direct FID for {'; '.join(ahead)}." if ahead else ""
    return f"In FID, LMMSE / direct, from float32: {'; '.join(shown) or MISSING}.{alone}"


def score_row(row: Row, images: bool) -> tuple[str, ...]:
    method = METHODS[row.cell["method"]] + (" (8-bit model)" if row.folder.endswith("-8bit") and row.cell["method"] != "degraded" else "")
    shown = [number(row, key, digits, True).removesuffix(" †")
             for key, digits in (("rmse", 4), ("ssim", 4), ("fid", 2), ("class_accuracy", 3), ("frechet", 1), ("gain", 3))]
    return method, FROM[row.cell["measurement_precision"]], *shown, *([row.images] if images else [])


def all_rows(published: Published) -> str:
    parts = []
    head = "method | from | RMSE | SSIM | FID | class accuracy | Frechet | gain"
    for pair, variant, title in cases(published):
        rows = sorted((row for row in published.rows if row.pair == pair and row.key[0] == variant),
                      key=lambda row: (list(METHODS).index(row.key[1]), row.key[2] != "float32", row.folder))
        full, others = [row for row in rows if row.full], [row for row in rows if not row.full]
        seen = "; ".join(f"{name}: {published.models[name]['images_seen']:,} images in training, {published.share(name)} of the paper's"
                         for name in (pair, f"{pair}-8bit") if name in published.models)
        parts.append(f"### {title if ', T' in title else f'{title}, {variant}'}\n\n{seen}.\n\nThe full test split:\n\n" + markdown(
            head, (score_row(row, False) for row in full)))
        if others:
            parts.append("† Other images, not comparable with the table above:\n\n" + markdown(
                f"{head} | images", (score_row(row, True) for row in others)))
    return "\n\n".join(parts)


def deviations(published: Published) -> str:
    ours, theirs = (asdict(recipe(name, "deblur", "mnist")) for name in ("small", "paper"))
    seen = [metadata["images_seen"] for metadata in published.models.values()]
    rollout = sorted({f"{metadata['recipe']['rollout']:.0%}" for metadata in published.models.values()})
    rates = " or ".join(sorted({f"{metadata['recipe']['learning_rate']:g}" for metadata in published.models.values()}))
    sizes = [metadata["parameters"] / 1e6 for metadata in published.models.values()]
    return markdown("what | paper | here | why", [
        ("images seen", f"{published.paper['images_seen']:,}", f"{min(seen):,} to {max(seen):,}" if seen else MISSING, "trained without a GPU"),
        ("network", "56.6 M parameters (MNIST), 35.7 M (CIFAR-10)", f"{min(sizes):.2f} to {max(sizes):.2f} M" if sizes else MISSING,
         "the same; the paper's networks are in the package"),
        ("input", "x_t alone", "x_t, and x_t amplified in float32 by a fixed preconditioner: a linear estimate of x0, or for masks a logarithm",
         "what blur and masks leave is too small to be found soon"),
        ("output", "x0", "a correction of the linear estimate, in what was not measured; for masks x_t times a gain, plus a correction",
         "a gain undoes attenuation"),
        ("loss", "L1", "L1; L2 for the models made for 8 bits alone",
         "RMSE asks for the mean of what is possible, L1 for the median; not compared from 8 bits"),
        ("optimiser", f"Adam {theirs['learning_rate']}, {theirs['schedule']}, no clipping",
         f"Adam {rates}, {ours['schedule']}, clipping at {ours['clip']:g}", "a short training must use every step"),
        ("t in training", theirs["severities"], "of the part of a batch that is no rollout 20 % uniform, 20 % rising in t, 60 % at T",
         "the score is taken at t = T"),
        ("stages", "one", "blur two: the second begins with the weights of the first, a new cosine and *data_consistency: measurement*",
         "for Algorithm 2's sake; [what it changed](details.md#what-the-last-stage-of-the-deblurring-models-changed)"),
        ("x_t in training", "D(x0, t)", f"{' or '.join(rollout)} of a batch walk through Algorithm 2, a step of the sampler each training step",
         "the sampler's states are not D(x0, s): its own predictions made them"),
        ("x_s in Algorithm 2", "float32", "float64 between the network's calls", "the rounding of T small steps adds up"),
        ("EMA", "0.995 every 10 steps", "every step, half-life 3 % of the steps so far", "a short training"),
        ("augmentation", "CIFAR-10: flip and crop", "CIFAR-10: flip", "crops shift what the borders see"),
        ("training images", "the training file", "less 5,000 held out for validation", "choices are made on those"),
        ("precision of training", "float32", "bfloat16 where the hardware has it, but the preconditioner", "speed; the rows are scored in float32"),
        ("dropout", "0.1 in its networks, left on in some of its sampling", "none", "small networks, short trainings"),
        ("weights", "–", "scored and shipped in float16", "small files"),
        ("“sampled” of super-resolution and inpainting", "its code returns the prediction at s = 1", "the end of Algorithm 2, x_0",
         "it is what the paper describes; [how the error grows](details.md#how-the-error-grows-along-algorithm-2) has both"),
        ("FID", "half-pixel bilinear resize of images as they are", "restorations rounded to 8 bits first; rows with ≈ by Inception in bfloat16",
         "what a file would hold; half the time on CPUs; [what that changes](details.md#how-fid-depends-on-how-it-is-taken)"),
        ("deblurring MNIST", "T = 40 in its text as the report quotes it; its table's degraded row fits 20",
         "one network for T = 40, also scored from t = 20", "to have both rows"),
        ("output for masks", "as it comes", "x_t times the gain is clamped to [-2, 2] (since after the training)",
         "Algorithm 1 would feed a runaway back"),
        ("super-resolution", "the official command says bicubic", "average pooling", "the paper's degraded rows match it"),
        ("masks", "8-bit x_T in the official code", "rounding is the measurement's, given as rows of their own", "to see what it costs")])


def classifier(published: Published) -> str:
    """Which classifiers the columns class accuracy and Frechet rest on, and how well they read the originals."""
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
    for pair, variant, title in cases(published):
        missing = [f"{METHODS[method]} from {FROM[precision]}" for precision in FROM for method in METHODS
                   if not ((row := published.best(pair, method, precision, variant)) and row.full)]
        if missing:
            lines.append(f"- {title}, not on the full test split: {', '.join(missing)}.")
        for precision, name in FROM.items():
            if missing := [METHODS[method] for method in METHODS if not published.best(pair, method, precision, variant, "fid")]:
                lines.append(f"- {title}, no FID from {name}: {', '.join(missing)}.")
    eight = [pair for pair in PAIRS if pair.startswith("deblur") and f"{pair}-8bit" not in published.models]
    lines += [f"- A model made for 8-bit measurements: {', '.join(eight)}."] if eight else []
    lines += ["- The paper's networks, and its 700,000 steps, with any of the tasks.", "- Further seeds of the shipped models."]
    uncurved = [name for name in published.models if published.read(f"curves/{name}.json") is None]
    lines += [f"- Scores over a whole training: {', '.join(uncurved)}."] if uncurved else []
    unread = [title for pair, title in PAIRS.items() if any(row.pair == pair and row.number("class_accuracy") is None for row in published.rows)]
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
    "classifier": classifier, "glance": glance, "glance_notes": glance_notes, "glance_fid": glance_fid,
    "rows": all_rows, "deviations": deviations, "quick": quick,
    "reliability": reliability, "not_run": not_run}
