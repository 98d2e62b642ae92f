"""All rows of the six pairs, and what the network adds over least squares."""
from __future__ import annotations

from collections.abc import Iterable

from studies.published import METHODS, PAIRS, Published, Row
from studies.tables import FROM, MISSING, bold, cases, least_to_most, number, section, table, titled

SHOWN = {"rmse": ("RMSE", 4), "ssim": ("SSIM", 4), "fid": ("FID", 2), "class_accuracy": ("class accuracy", 3),
         "frechet": ("Frechet", 1), "gain": ("gain", 3)}


@section
def glance(published: Published) -> str:
    """What the network adds over least squares, and what iterating costs, in RMSE. Bold is the least."""
    rows = []
    for pair, variant, title in cases(published):
        for precision, name in FROM.items():
            found = [published.best(pair, method, precision, variant)
                     for method in ("lmmse", "direct", "algorithm2")]
            least = min((row.cell["rmse"] for row in found if row), default=0)
            shown = [bold(number(row, "rmse", 4), row is not None and row.cell["rmse"] == least)
                     for row in found]
            _, direct, sampled = found
            ratio = f"{sampled.cell['rmse'] / direct.cell['rmse']:.2f}" if direct and sampled else "–"
            rows.append((title, name, published.share(direct.folder) if direct else "–", *shown, ratio))
    return table("pair | from | budget | LMMSE | direct | Algorithm 2 | Algorithm 2 / direct", rows)


@section
def glance_notes(published: Published) -> str:
    """Where no network is needed to be below the paper, and what float32 keeps."""
    ahead = [found
             for pair, title in PAIRS.items()
             if (found := ahead_of_paper(published, pair, None, title, "rmse"))]
    errors = [f"{row.cell['lmmse']['measured_noise'] ** 0.5:.1e} ({titled(row.pair, row.key[0])})"
              for row in published.rows
              if row.key[1:] == ("lmmse", "float32") and row.pair.startswith("deblur")]
    return ("Least squares alone, without any network, is below the paper's direct RMSE for "
            f"{'; '.join(ahead) or 'no pair'}. How noisy it takes x_T to be was tuned on validation images; "
            "what it finds in float32 depends on how D rounds. The x_T of this package is off the exact "
            f"D(x_0, T), root mean square on [-1, 1], by {', '.join(errors) or MISSING}.")


@section
def glance_fid(published: Published) -> str:
    """What the network adds over least squares in FID."""
    shown, ahead = [], []
    for pair, variant, title in cases(published):
        linear, direct = (published.best(pair, method, variant=variant, metric="fid")
                          for method in ("lmmse", "direct"))
        if linear and direct:
            shown.append(f"{title} {number(linear, 'fid', 2)} / {number(direct, 'fid', 2)}")
        if found := ahead_of_paper(published, pair, variant, title, "fid"):
            ahead.append(found)
    alone = f" Least squares alone is below the paper's direct FID for {'; '.join(ahead)}." if ahead else ""
    return f"In FID, LMMSE / direct, from float32: {'; '.join(shown) or MISSING}.{alone}"


def ahead_of_paper(published: Published, pair: str, variant: str | None, title: str, key: str) -> str:
    """Least squares beside the paper's direct score, where it is below that from float32; else nothing."""
    goal, digits = published.paper["pairs"][pair]["direct"][key.upper()], SHOWN[key][1]
    exact, rounded = (published.best(pair, "lmmse", precision, variant, key) for precision in FROM)
    if not exact or exact.cell[key] >= goal or key == "rmse" and not rounded:
        return ""
    only = "" if rounded and rounded.cell[key] < goal else " **only from float32**"
    ours = f"{number(exact, key, digits)}, " if key == "rmse" else ""
    theirs = f"{goal:.2f}" if key == "fid" else f"{goal:.3f}"
    return f"{title}{only} ({ours}from 8 bits {number(rounded, key, digits)}; the paper {theirs})"


@section
def rows(published: Published) -> str:
    parts, scores = [], " | ".join(name for name, _ in SHOWN.values())
    for pair, variant, _ in cases(published):
        found = sorted((row for row in published.rows if row.pair == pair and row.key[0] == variant),
                       key=lambda row: (list(METHODS).index(row.key[1]), row.key[2] != "float32", row.folder))
        seen = "; ".join(f"{name}: {published.models[name]['images_seen']:,} images in training, "
                         f"{published.share(name)} of the paper's" for name in (pair, f"{pair}-8bit")
                         if name in published.models)
        parts += [f"### {titled(pair, variant)}", f"{seen}."]
        for full, title in ((True, "The full test split:"),
                            (False, "Other images, not comparable with these:")):
            if shown := [score_row(row) for row in found if row.full == full]:
                parts += [title, table(f"method | from | {scores} | images", shown)]
    return "\n\n".join(parts)


def score_row(row: Row) -> tuple[str, ...]:
    made_for_8_bits = row.folder.endswith("-8bit") and row.cell["method"] != "degraded"
    method = METHODS[row.cell["method"]] + (" (8-bit model)" if made_for_8_bits else "")
    shown = (number(row, key, digits, True).removesuffix(f" ({row.images})")
             for key, (_, digits) in SHOWN.items())
    return method, FROM[row.cell["measurement_precision"]], *shown, row.images


@section
def images_seen(published: Published) -> str:
    return least_to_most([metadata["images_seen"] for metadata in published.models.values()], "{:,}")


@section
def network_sizes(published: Published) -> str:
    return least_to_most([metadata["parameters"] / 1e6 for metadata in published.models.values()], "{:.2f}")


@section
def rollout(published: Published) -> str:
    return either(f"{metadata['recipe']['rollout']:.0%}" for metadata in published.models.values())


@section
def learning_rates(published: Published) -> str:
    return either(f"{metadata['recipe']['learning_rate']:g}" for metadata in published.models.values())


def either(values: Iterable[str]) -> str:
    return " or ".join(sorted(set(values)))
