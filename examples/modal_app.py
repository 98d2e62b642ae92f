"""Train on a rented GPU with Modal:    modal run examples/modal_app.py --task deblur --dataset cifar10

The run folder and the data lie in a volume, which outlives the function. If Modal interrupts the function, it
starts it again, and training goes on from the newest checkpoint. Afterwards: modal volume get colddiff runs
"""
import modal

PACKAGES = ("torch", "torchvision", "accelerate", "safetensors", "torchmetrics", "scipy", "pillow", "mlxtend")
app = modal.App("colddiff")
image = modal.Image.debian_slim(python_version="3.12").pip_install(*PACKAGES)
image = image.add_local_python_source("colddiff_nb")
volume = modal.Volume.from_name("colddiff", create_if_missing=True)


@app.function(image=image, gpu="L4", volumes={"/colddiff": volume}, timeout=24 * 3600,
              retries=modal.Retries(max_retries=10, initial_delay=60.0))
def train_on_modal(name: str, task: str, dataset: str, root: str = "/colddiff") -> None:
    from colddiff_nb.training import recipe, train
    from colddiff_nb.training.validation import validation_scores

    chosen, data = recipe(name, task, dataset), f"{root}/data"
    scores = validation_scores(chosen, data)
    train(chosen, f"{root}/runs/{name}-{task}-{dataset}", data_root=data, on_evaluate=scores)


@app.local_entrypoint()
def main(name: str = "small", task: str = "superres", dataset: str = "mnist5k") -> None:
    train_on_modal.remote(name, task, dataset)
