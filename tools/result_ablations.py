"""What is seen beside the scores: the table of seeds and ablations (see measure_ablations.py), and pictures (see best_and_worst.py)."""
from __future__ import annotations

from collections.abc import Callable

from result_rows import PAIRS, Published
from result_tables import markdown

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


def pictures(published: Published) -> str:
    shown = [f"{title}:\n\n![{title}: best and worst of 1,000 test images](pictures/{pair}.png)"
             for pair, title in PAIRS.items() if (published.folder / "pictures" / f"{pair}.png").is_file()]
    return "\n\n".join(shown) or "Not drawn yet: `python -m tools.best_and_worst`."


SECTIONS: dict[str, Callable[[Published], str]] = {"ablations": table, "pictures": pictures}
