"""The table of what soft masks let through, from results/leaks.json (see measure_leaks.py), beside the networks' scores."""
from __future__ import annotations

from collections.abc import Callable

from result_rows import PAIRS, Published
from result_tables import markdown, number

SHARES = {"hidden": "hidden pixels", "hidden_recovered_float32": "of these, recovered by dividing float32 by the mask",
          "hidden_negative": "negative", "hidden_sign_told_8bit": "sign told by 8 bits"}


def table(published: Published) -> str:
    record = published.read("leaks.json")
    if not record:
        return "Not run yet: `python -m tools.measure_leaks`."
    shares, scores = [], []
    for row in record["rows"]:
        pair = f"inpaint-{row['dataset']}"
        shares.append((PAIRS[pair], *(f"{row[key]:.1%}" for key in SHARES)))
        for measurement, shown in (("float32", "float32"), ("8bit", "8 bits")):
            scores.append((PAIRS[pair], shown, f"{row['rmse_degraded']:.4f}", f"{row[f'rmse_divided_{measurement}']:.4f}",
                           *(number(published.best(pair, method, measurement), "rmse", 4) for method in ("direct", "algorithm2"))))
    row = record["rows"][0]
    return (f"On {row['n']:,} {row['split']} images; hidden: the mask leaves less than half a grey level of the pixel.\n\n"
            + markdown(" | ".join(["pair", *SHARES.values()]), shares)
            + "\n\nRMSE without any network, and of the networks on the images of the tables below:\n\n"
            + markdown("pair | from | degraded | divided by the mask | direct | Algorithm 2", scores))


SECTIONS: dict[str, Callable[[Published], str]] = {"leaks": table}
