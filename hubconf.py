"""Entry points for torch.hub, one for each model that comes with this repository:

    restore, degrade, metadata = torch.hub.load("OWNER/REPOSITORY", "superres_mnist")
"""
from colddiff_nb.degradations import TASKS as _TASKS
from colddiff_nb.weights import load_pretrained as _load_pretrained
from colddiff_nb.weights.pretrained import RESULTS as _RESULTS

dependencies = ["numpy", "safetensors", "torch"]


def _entry_point(*choice: str):
    def load():
        return _load_pretrained(*choice)

    load.__doc__ = f"Return (restore, degrade, metadata): what load_pretrained{choice} returns."
    return load


for _path in _RESULTS.glob("*/weights.safetensors"):
    if _path.parent.name.startswith(_TASKS):
        globals()[_path.parent.name.replace("-", "_")] = _entry_point(*_path.parent.name.split("-"))
