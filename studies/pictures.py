"""Pictures of the best and worst restorations of the shipped models. A minute or two."""
from dataclasses import dataclass, replace

import torch

from colddiff_nb import direct, load_pretrained
from colddiff_nb.degradations import TASKS
from colddiff_nb.metrics import squared_errors
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import SAMPLERS
from studies.published import METHODS, PAIRS, Published
from studies.study import DATASETS, Study, each, fixed
from studies.tables import section

SHOWN = 3


@dataclass
class Pictures(Study):
    n: int = 1_000  # test images that the best and the worst are of

    file = "pictures/{task}-{dataset}.png"

    def run(self) -> None:
        for case in each(dataset=DATASETS, task=TASKS):
            if not self.path(**case).is_file():
                self.draw(**case)

    def draw(self, task: str, dataset: str) -> None:
        x0 = self.spread(dataset, "test", self.n)
        restore, degrade, _ = load_pretrained(task, dataset)
        drawn = fixed(degrade, len(x0))
        x_T = drawn(x0, degrade.T)
        errors = squared_errors(direct(restore, drawn, x_T), x0).sqrt()
        order = errors.argsort()
        shown = torch.cat([order[:SHOWN], order[-SHOWN:]])
        some = replace(drawn, randomness=drawn.randomness[shown])
        columns = {"original": x0[shown], "degraded": x_T[shown]}
        columns |= {METHODS[name]: sampler(restore, some, x_T[shown]) for name, sampler in SAMPLERS.items()}
        labels = ["best"] * SHOWN + ["worst"] * SHOWN
        path = self.path(task=task, dataset=dataset)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{label}, {error:.3f}" for label, error in zip(labels, errors[shown])]
        grid(columns, rows=rows).save(path)


@section
def pictures(published: Published) -> str:
    return "\n\n".join(f"{title}:\n\n![{title}: best and worst of 1,000 test images](pictures/{pair}.png)"
                       for pair, title in PAIRS.items())
