"""A weights file as one module that goes to the Hugging Face Hub and comes back, byte for byte.

    ColdModel("runs/small-superres-mnist/weights.safetensors").push_to_hub("me/superres-mnist")
    model = ColdModel.from_pretrained("me/superres-mnist")
"""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, ModelCardData, PyTorchModelHubMixin, hf_hub_download
from torch import Tensor, nn

from colddiff_nb.storage.checkpoint import load_weights
from colddiff_nb.weights.pretrained import load_model, weights_file

FILE = "weights.safetensors"
DATA = {"mnist": "ylecun/mnist", "mnist5k": "ylecun/mnist", "cifar10": "uoft-cs/cifar10"}  # on the Hub
CARD = """---
{{ card_data }}
---

# Cold diffusion: {{ task }}, {{ dataset }}

From x_t, {{ size }} x {{ size }} images in [-1, 1] that {{ task }} degraded by t in 1..{{ T }}, the network
estimates x_0. The method is [Cold Diffusion](https://arxiv.org/abs/2208.09392) (Bansal et al., 2022).

```python
from colddiff_nb.interop.hub import ColdModel
from colddiff_nb.sampling import algorithm2

model = ColdModel.from_pretrained("OWNER/NAME")
drawn = model.degrade.draw(len(x0))  # fixes what is random in D
x_0 = algorithm2(model, drawn, drawn(x0, {{ T }}))
```

- **Limits**: another degradation, size, noise or rounding than it was trained for can ruin it.
  What the measurement does not hold is invented, so no restored image is evidence of anything.
- **Training**: {{ '{:,}'.format(images_seen) }} images. At its end, on validation images: {{ scores }}
  {%- if mean %}, before its weights were averaged with earlier ones{% endif %}.
- **Checksum** of weights and metadata, verified when they are loaded: `{{ checksum }}`.
- **Recipe**: `{{ recipe }}`
"""


class ColdModel(nn.Module, PyTorchModelHubMixin, library_name="colddiff_nb", license="mit",
                pipeline_tag="image-to-image", tags=["cold-diffusion", "image-restoration"]):
    """Hold the network, degradation and metadata of a weights file; a restorer, model(x_s, s, start)."""

    def __init__(self, path: str | Path):
        super().__init__()
        self.path = weights_file(path)
        self.network, self.degrade, self.metadata = load_model(self.path)
        self._hub_mixin_config = self.metadata  # what config.json says: recipe, data, checksum

    def forward(self, x_s: Tensor, s: Tensor, start: Tensor | None = None) -> Tensor:
        return self.network(x_s, s, start)

    def _save_pretrained(self, save_directory: Path) -> None:
        stored, now = load_weights(self.path)[0], self.network.state_dict()
        if not all(torch.equal(now[name].cpu(), stored[name]) for name in stored):
            raise ValueError(f"the network is no longer that of {self.path}: train(init=...) writes another")
        shutil.copyfile(self.path, save_directory / FILE)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **hub: Any) -> ColdModel:
        here = Path(model_id, FILE)
        return cls(here if here.is_file() else hf_hub_download(model_id, FILE, **hub))

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        recipe, row = self.metadata["recipe"], self.metadata["last_row"]
        data = ModelCardData(**self._hub_mixin_info.model_card_data.to_dict())  # the class's, for this model
        data.datasets, data.tags = DATA.get(recipe["dataset"]), [*(data.tags or []), recipe["task"]]
        scores = ", ".join(f"{name} {row[name]:.3f}" for name in row if name.startswith(("rmse", "ssim")))
        told: dict[str, Any] = {"T": self.degrade.T, "scores": scores, "recipe": json.dumps(recipe),
                                "mean": "mean" in self.metadata}
        for name in ("task", "dataset", "size", "images_seen", "checksum"):
            told[name] = (recipe | self.metadata)[name]
        return ModelCard.from_template(data, template_str=CARD, **told)
