"""What is seen beside the scores: seeds, ablations, training choices, curves (see measure_*.py), and pictures (see best_and_worst.py)."""
from __future__ import annotations

from collections.abc import Callable

from result_rows import METHODS, PAIRS, Published
from result_tables import MISSING, markdown

SCORES = {"rmse_direct": "RMSE, direct", "ssim_direct": "SSIM, direct", "rmse_algorithm2": "RMSE, Algorithm 2",
          "ssim_algorithm2": "SSIM, Algorithm 2"}


def table(published: Published) -> str:
    record = published.read("ablations/record.json")
    if not record:
        return "Not run yet: `python -m tools.measure_ablations`."
    rows = [(variant["name"], f"{variant['parameters'] / 1e6:.2f} M", *(f"{variant[key]:.4f}" for key in SCORES)) for variant in record["variants"]]
    spread = [f"{record['three_seeds'][key]['mean']:.4f} ± {record['three_seeds'][key]['standard_deviation']:.4f}" for key in SCORES]
    seeds = sum(variant["name"].startswith("seed") for variant in record["variants"])
    rows.insert(seeds, (f"**{seeds} seeds**", "", *spread))
    return (f"Inpainting MNIST, {record['images_seen']:,} images each, scored on {record['n']} validation images; ± is one standard deviation.\n\n"
            f"{markdown('network | parameters | ' + ' | '.join(SCORES.values()), rows)}\n\n"
            "![Digits restored by the whole network and by those without one of its parts](ablations/restored.png)")


def choices(published: Published) -> str:
    """What each choice of the recipe buys, the mean of the seeds ± one standard deviation."""
    record = published.read("training_choices.json")
    if not record:
        return "Not run yet: `python -m tools.measure_training_choices`."
    parts = []
    for pair in dict.fromkeys(f"{row['task']}-{row['dataset']}" for row in record["rows"]):
        rows = [row for row in record["rows"] if f"{row['task']}-{row['dataset']}" == pair]
        lines = [(row["choice"], *(over_seeds(row["scores"][key]) for key in SCORES)) for row in rows]
        if mirrored := [rows[0]["scores"][f"{metric}_mirrored"] for metric in ("rmse", "ssim") if f"{metric}_mirrored" in rows[0]["scores"]]:
            lines.append(("the recipe, mean of both mirror images (2 calls)", *map(over_seeds, mirrored), "–", "–"))
        parts.append(f"### {PAIRS[pair]}\n\n{markdown('training | ' + ' | '.join(SCORES.values()), lines)}")
    return (f"The recipe `small` with one thing changed: {record['images_seen']:,} images each, {record['seeds']} seeds, scored on {record['n']} "
            f"{record['split']} images; ± is one standard deviation of the seeds.\n\n" + "\n\n".join(parts))


def rollout_cost(published: Published) -> str:
    """How much less direct RMSE trainings without a rollout have, over the pairs that were tried."""
    rows = {(row["task"], row["dataset"], row["choice"]): row["scores"]["rmse_direct"]["mean"]
            for row in (published.read("training_choices.json") or {"rows": []})["rows"]}
    gains = [100 * (1 - rmse / rows[task, dataset, "the recipe"]) for (task, dataset, choice), rmse in rows.items() if choice == "no rollout"]
    return f"{min(gains):.0f} to {max(gains):.0f} %" if gains else MISSING


def longer(published: Published) -> str:
    """How many times the images of these short trainings the shipped models saw."""
    record = published.read("training_choices.json")
    seen = [metadata["images_seen"] / record["images_seen"] for metadata in published.models.values()] if record else []
    return f"{min(seen):.0f} to {max(seen):.0f}" if seen else MISSING


def curves(published: Published) -> str:
    """Scores over one training at log-spaced steps (see measure_curves.py)."""
    parts = []
    for pair, title in PAIRS.items():
        if record := published.read(f"curves/{pair}.json"):
            names = {"rmse": ("RMSE", 4), "ssim": ("SSIM", 4), "frechet": ("Frechet", 1), "fid": ("FID", 2)}
            shown = {f"{metric}_{method}": (f"{name}, {METHODS[method]}", digits) for metric, (name, digits) in names.items()
                     for method in ("direct", "algorithm2") if f"{metric}_{method}" in record["rows"][0]}
            rows = [(f"{row['images']:,}", *(f"{row[key]:.{digits}f}" for key, (_, digits) in shown.items())) for row in record["rows"]]
            since = published.images_since(pair, record)
            further = f" The shipped model was trained on {since:,} images more, which no row shows." if since else ""
            parts.append(f"### {title}\n\nMade for {record['made_for']}, scored on {record['n']} validation images.{further}\n\n"
                         f"{markdown(' | '.join(['images seen', *(name for name, _ in shown.values())]), rows)}\n\n"
                         f"![{title}: scores of direct reconstruction and Algorithm 2 against the images seen](curves/{pair}.png)")
    return "\n\n".join(parts) or "Not run yet: `python -m tools.measure_curves`."


def over_seeds(score: dict[str, float]) -> str:
    return f"{score['mean']:.4f}" + (f" ± {score['standard_deviation']:.4f}" if score["standard_deviation"] is not None else "")


def pictures(published: Published) -> str:
    shown = [f"{title}:\n\n![{title}: best and worst of 1,000 test images](pictures/{pair}.png)"
             for pair, title in PAIRS.items() if (published.folder / "pictures" / f"{pair}.png").is_file()]
    return "\n\n".join(shown) or "Not drawn yet: `python -m tools.best_and_worst`."


SECTIONS: dict[str, Callable[[Published], str]] = {
    "ablations": table, "choices": choices, "rollout_cost": rollout_cost, "longer": longer, "curves": curves, "pictures": pictures}
