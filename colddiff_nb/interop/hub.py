"""A model as one module that goes to the Hugging Face Hub and comes back, with its checksum and recipe.

    ColdModel(*load_pretrained("superres", "mnist")).push_to_hub("me/superres-mnist")
    model = ColdModel.from_pretrained("me/superres-mnist")
    x_0 = algorithm2(model, model.degrade, x_T)
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData, PyTorchModelHubMixin, hf_hub_download
from torch import Tensor, nn

from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.storage.checkpoint import export_weights, load_weights
from colddiff_nb.weights.pretrained import load_model

FILE = "weights.safetensors"
ON_THE_HUB = {"mnist": "ylecun/mnist", "mnist5k": "ylecun/mnist", "fashion": "zalando-datasets/fashion_mnist",
              "cifar10": "uoft-cs/cifar10"}  # data sets
CARD = """---
{{ card_data }}
---

# Cold diffusion: {{ task }}, {{ dataset }}

The network estimates x_0 from images x_t that {{ task }} degraded with severity t in 1..{{ T }}.
Images are {{ size }} x {{ size }}, in [-1, 1].
The method is [Cold Diffusion](https://arxiv.org/abs/2208.09392) (Bansal et al., 2022).

```python
from colddiff_nb.interop.hub import ColdModel
from colddiff_nb.sampling import algorithm2

model = ColdModel.from_pretrained("OWNER/NAME")
drawn = model.degrade.draw(len(x0))  # fixes what is random in D
x_0 = algorithm2(model, drawn, drawn(x0, {{ T }}))
```

- **Limits**: another degradation, size, noise or rounding than it was trained for can ruin it.
  What the measurement does not hold is invented, so no restored image is evidence of anything.
- **Training**: {{ images_seen }} images. At its end, on validation images: {{ scores }}.
- **Checksum** of weights and metadata, verified when they are loaded: `{{ checksum }}`.
- **Recipe**: `{{ recipe }}`
"""


class ColdModel(nn.Module, PyTorchModelHubMixin, library_name="colddiff_nb", license="mit",
                pipeline_tag="image-to-image", tags=["cold-diffusion", "image-restoration"]):
    """Hold a network, its degradation and its metadata; called as a restorer, model(x_s, s, start)."""

    def __init__(self, network: nn.Module, degrade: Degradation, metadata: dict[str, Any]):
        super().__init__()
        self.network, self.degrade, self.metadata = network, degrade, metadata

    def forward(self, x_s: Tensor, s: Tensor, start: Tensor | None = None) -> Tensor:
        return self.network(x_s, s, start)

    def _save_pretrained(self, save_directory: Path) -> None:
        path = save_directory / FILE
        export_weights(path, self.network.state_dict(), self.metadata, keep=("precondition.",))
        self.metadata.update(load_weights(path)[1])  # another checksum if the network was changed

    @classmethod
    def _from_pretrained(cls, *, model_id: str, metadata: Any = None, **hub: Any) -> ColdModel:
        folder = Path(model_id)
        return cls(*load_model(folder / FILE if folder.is_dir() else hf_hub_download(model_id, FILE, **hub)))

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        recipe, row = self.metadata["recipe"], self.metadata["last_row"]
        data = ModelCardData(**self._hub_mixin_info.model_card_data.to_dict())  # the class's, for this model
        data.datasets, data.tags = ON_THE_HUB.get(recipe["dataset"]), [*(data.tags or []), recipe["task"]]
        scores = ", ".join(f"{name} {row[name]:.3f}" for name in row if name.startswith(("rmse", "ssim")))
        return ModelCard.from_template(
            data, template_str=CARD, task=recipe["task"], dataset=recipe["dataset"], T=self.degrade.T,
            size=self.degrade.size, images_seen=f"{self.metadata['images_seen']:,}", scores=scores,
            checksum=self.metadata["checksum"], recipe=json.dumps(recipe))
