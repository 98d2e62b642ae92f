"""Entry points for torch.hub, one for each model that comes with this repository:

    restore, degrade, metadata = torch.hub.load("OWNER/REPOSITORY", "superres_mnist")
"""
from colddiff_nb.weights import load_pretrained as _load_pretrained
from colddiff_nb.weights import shipped_models as _shipped_models

dependencies = ["numpy", "safetensors", "torch"]


def _entry_point(*choice: str):
    def load():
        return _load_pretrained(*choice)

    load.__doc__ = f"Return (restore, degrade, metadata): what load_pretrained{choice} returns."
    return load


for _name in _shipped_models():
    globals()[_name.replace("-", "_")] = _entry_point(*_name.split("-"))
