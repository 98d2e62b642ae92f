"""What soft masks let through: what can be read off x_T without any network. A minute.

Hidden is a pixel that the mask leaves less than half a grey level of, so that 8 bits keep at most its sign:
mid-grey lies between the levels 127 and 128.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from colddiff_nb import make, rmse
from colddiff_nb.degradations import measure
from studies.published import PAIRS, Published
from studies.study import DATASETS, Fields, Study, each, fixed
from studies.tables import FROM, MISSING, printed_score, section, table

HALF_A_LEVEL = 1 / 255  # in [-1, 1]
SHARES = {"hidden": "hidden pixels",
          "hidden_recovered_float32": "of these, to half a grey level by dividing float32 by the mask",
          "negative_at_127": "hidden and darker than mid-grey: of these, at level 127",
          "at_127_negative": "hidden and at 127: of these, darker",
          "at_128_negative": "hidden and at 128: of these, darker"}


@dataclass
class Leaks(Study):
    n: int = 1_000  # validation images

    file = "leaks.json"

    def cases(self) -> list[Fields]:
        return each(dataset=DATASETS)

    def measure(self, dataset: str) -> Iterator[Fields]:
        x0 = self.spread(dataset, "validation", self.n)
        drawn = fixed(make("inpaint", dataset), self.n)
        mask, x_T = drawn(torch.ones_like(x0), drawn.T), drawn(x0, drawn.T)
        rounded, hidden, dark = measure(x_T, "8bit"), mask < HALF_A_LEVEL, x0 < 0
        divided, at_127 = torch.where(mask > 0, x_T / mask, 0), rounded < 0

        def share(what: Tensor, of: Tensor) -> float:
            return what[of].double().mean().item()
        yield {
            "split": "validation", "n": self.n, "hidden": hidden.double().mean().item(),
            "hidden_recovered_float32": share((divided - x0).abs() < HALF_A_LEVEL, hidden),
            "rmse_degraded_float32": rmse(x_T, x0), "rmse_degraded_8bit": rmse(rounded, x0),
            "rmse_divided_float32": rmse(divided, x0),
            "rmse_divided_8bit": rmse(torch.where(hidden, 0, rounded / mask), x0),
            "hidden_negative": share(dark, hidden), "negative_at_127": share(at_127, hidden & dark),
            "at_127_negative": share(dark, hidden & at_127), "at_128_negative": share(dark, hidden & ~at_127)}


@section
def leaks(published: Published) -> str:
    shares, scores = [], []
    for row in published.read("leaks.json")["rows"]:
        pair, images = f"inpaint-{row['dataset']}", f"{row['split']}, {row['n']:,}"
        shares.append({"pair": PAIRS[pair]} | {head: f"{row[key]:.1%}" for key, head in SHARES.items()})
        for precision, source in FROM.items():
            network = published.find(kind="RMSE", pair=pair, images=images, method="direct",
                                     measurement_precision=precision)
            scores.append({
                "pair": PAIRS[pair], "from": source, "degraded": f"{row[f'rmse_degraded_{precision}']:.4f}",
                "divided by the mask, no network": f"{row[f'rmse_divided_{precision}']:.4f}",
                "the network, direct": f"{network[0]['rmse']:.4f}" if network else MISSING,
                "the paper, direct": printed_score(published, pair, "direct", "rmse")})
    return (f"On {row['n']:,} {row['split']} images; hidden: the mask leaves less than half a grey level of "
            f"the pixel.\n\n{table(shares)}\n\n"
            f"RMSE on the same images; the paper's is of the test split:\n\n{table(scores)}")
