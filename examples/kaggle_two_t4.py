"""Train on the two T4 of a Kaggle notebook: run these lines in a cell, before any cell that uses a GPU.

Each notebook's setup cell makes colddiff_nb importable. Save the version to keep what is in runs/ when the
session ends: the same cell goes on from it.
"""
from accelerate import notebook_launcher

from colddiff_nb.training import recipe, train
from colddiff_nb.training.validation import validation_scores

CHOSEN = recipe("small", "deblur", "cifar10")


def train_in_each_process() -> None:
    train(CHOSEN, "runs/two-t4", on_evaluate=validation_scores(CHOSEN))


if __name__ == "__main__":
    notebook_launcher(train_in_each_process, num_processes=2)
