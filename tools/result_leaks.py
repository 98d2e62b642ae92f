"""The table of what soft masks let through, from results/leaks.json (see measure_leaks.py), beside the networks' scores."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from result_rows import PAIRS, Published, Row
from result_tables import FROM, MISSING, markdown, printed_score

SHARES = {"hidden": "hidden pixels", "hidden_recovered_float32": "of these, to half a grey level by dividing float32 by the mask",
          "negative_at_127": "hidden and darker than mid-grey: of these, at level 127", "at_127_negative": "hidden and at 127: of these, darker",
          "at_128_negative": "hidden and at 128: of these, darker"}


def direct_on_leaks_images(published: Published, row: dict[str, Any], precision: str) -> Row | None:
    """The network's direct row on the images of a row of leaks.json."""
    return next((found for found in published.rows if found.pair == f"inpaint-{row['dataset']}" and found.key[1:] == ("direct", precision)
                 and (found.cell["split"], found.cell["n"]) == (row["split"], row["n"])), None)


def table(published: Published) -> str:
    record = published.read("leaks.json")
    if not record:
        return "Not run yet: `python -m tools.measure_leaks`."
    shares, scores = [], []
    for row in record["rows"]:
        pair = f"inpaint-{row['dataset']}"
        shares.append((PAIRS[pair], *(f"{row[key]:.1%}" for key in SHARES)))
        for precision, shown in FROM.items():
            direct = direct_on_leaks_images(published, row, precision)
            scores.append((PAIRS[pair], shown, *(f"{row[f'rmse_{what}_{precision}']:.4f}" for what in ("degraded", "divided")),
                           f"{direct.cell['rmse']:.4f}" if direct else MISSING, printed_score(published.paper["pairs"][pair]["direct"], "RMSE")))
    row = record["rows"][0]
    return (f"On {row['n']:,} {row['split']} images; hidden: the mask leaves less than half a grey level of the pixel.\n\n"
            + markdown(" | ".join(["pair", *SHARES.values()]), shares) + "\n\nRMSE on the same images; the paper's is of the test split:\n\n"
            + markdown("pair | from | degraded | divided by the mask, no network | the network, direct | the paper, direct", scores))


SECTIONS: dict[str, Callable[[Published], str]] = {"leaks": table}
