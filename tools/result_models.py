"""The shipped models: the table of all, and a card for each."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from result_rows import METHODS, PAIRS, Published, Row
from result_tables import FROM, MADE_FOR, MISSING, markdown, number, titled

from colddiff_nb.degradations import make
from colddiff_nb.training import recipe
from colddiff_nb.training.run import same

CARD = Path(__file__).with_name("card_template.md")
LICENCES = {"mnist": "MNIST, CC BY-SA 3.0", "cifar10": "CIFAR-10, published for research, no licence stated"}


def models(published: Published) -> str:
    rows = []
    for name, metadata in published.models.items():
        options = metadata["recipe"]
        scored = {row.cell["provenance"].get("weights") for row in published.rows if row.folder == name} - {None}
        current = ("yes" if scored == {metadata["checksum"]} else "yes, before the refit" if scored <= of(metadata)
                   else "in part, others of older weights" if metadata["checksum"] in scored else "**no, older weights**")
        rows.append((f"[{name}]({name}/)", options["measurement_precision"], f"{options['network']}, {metadata['parameters'] / 1e6:.2f} M",
                     f"{stages(metadata)} = {metadata['images_seen']:,}", published.share(name),
                     f"{options['rollout']:.0%}", data_consistency(options), options["loss"].upper(), current if scored else MISSING))
    return markdown("model | made for | network, parameters | images seen: steps x batch | share of the paper's | rollout | consistent with | loss | "
                    "rows are of these weights", rows)


def of(metadata: dict[str, Any]) -> set[str | None]:
    """The checksums of these weights, and of the same ones before their preconditioner was fitted again."""
    return {metadata["checksum"], metadata.get("before_refit")}


def stages(metadata: dict[str, Any]) -> str:
    """Steps x batch of each stage."""
    return " + ".join(f"{stage['step']:,} x {stage['recipe']['batch'] * stage['recipe']['accumulate']}"
                      for stage in (*metadata["earlier"], metadata))


def card(published: Published, name: str) -> str:
    """What one needs to know before using the weights in results/<name>/."""
    metadata = published.models[name]
    options, data = metadata["recipe"], metadata["data"]
    task, dataset, precision = options["task"], options["dataset"], options["measurement_precision"]
    pair = f"{task}-{dataset}"
    scores = [(variant, FROM[source], METHODS[method], number(row, "rmse", 4, True), number(row, "ssim", 4, True),
               number(fid if (fid := published.best(pair, method, source, variant, "fid")) and fid.folder == name else None, "fid", 2, True))
              for variant in published.variants(pair) for source in FROM for method in ("direct", "algorithm2")
              if (row := published.best(pair, method, source, variant)) and row.folder == name]
    return CARD.read_text().format(
        name=name, title=PAIRS[pair], made_for=MADE_FOR[precision], channels=1 if dataset == "mnist" else 3, size=metadata["size"],
        loader=f'load_pretrained("{task}", "{dataset}"' + ("" if name == pair else f', "{precision}"') + ")", T=make(task, dataset).T,
        network=options["network"], parameters=metadata["parameters"], stages=stages(metadata),
        images_seen=metadata["images_seen"], share=published.share(name), loss=options["loss"].upper(),
        rollout=f"{options['rollout']:.0%}", 
        kept="" if task == "inpaint" else f", and the network keeps what the {options['data_consistency']} tells",
        seed=options["seed"], minutes=sum(stage["seconds"] for stage in (*metadata["earlier"], metadata)) / 60, images=data["n"],
        licence=LICENCES[dataset], checksum=metadata["checksum"], scores=markdown("start | from | method | RMSE | SSIM | FID", scores),
        commands="\n".join(f"      {command(stage)}" for stage in (*metadata["earlier"], metadata)), rounded=from_8_bits(published, name),
        unshipped=" (the weights of the stage before, EARLIER, are not shipped)" if metadata["earlier"] else "")


def from_8_bits(published: Published, name: str) -> str:
    """What 8 bits make of a model made for float32, on the samplers' validation images."""
    cells = [cell for cell in (published.read(f"samplers/{name}/metrics.json") or {"cells": []})["cells"]
             if cell["method"] == "direct" and cell["provenance"]["weights"] in of(published.models[name])]
    exact = {cell["variant"]: cell["rmse"] for cell in cells if cell["measurement_precision"] == "float32"}
    rounded = [cell for cell in cells if cell["measurement_precision"] == "8bit" and cell["variant"] in exact]
    if not rounded or published.models[name]["recipe"]["measurement_precision"] != "float32":
        return ""
    shown = ", ".join(f"{cell['rmse']:.3f} ({cell['variant']}; from float32 {exact[cell['variant']]:.3f}, the degraded image has "
                      f"{cell['rmse'] * cell['gain']:.3f})" for cell in rounded)
    return f" From 8 bits its RMSE is {shown}, on {rounded[0]['n']} {rounded[0]['split']} images."


def command(metadata: dict[str, Any]) -> str:
    """What trained a stage: all that the recipe `small` has otherwise, but for how often is scored and saved."""
    options = metadata["recipe"]
    changed = [f"--{name.replace('_', '-')} {options[name]}" for name, value in asdict(recipe("small", options["task"], options["dataset"])).items()
               if name not in ("evaluate_every", "save_every") and not same(options[name], value)]
    begun = ["--init EARLIER.safetensors"] if metadata["init"] else []
    return " ".join(["python -m colddiff_nb train small --task", options["task"], "--dataset", options["dataset"], *changed, *begun])


def last_stage(published: Published) -> str:
    """Scores of the models that were trained in two stages, before and after the second."""
    rows = []
    for name in published.models:
        pair = name.removesuffix("-8bit")
        cells = (published.read(f"earlier/{name}.json") or {"cells": []})["cells"]
        for before in sorted((Row(pair, name, cell) for cell in cells), key=lambda row: (row.key[0], list(METHODS).index(row.key[1]))):
            changes = []
            for metric, digits in (("rmse", 4), ("ssim", 4), ("fid", 2)):
                after = next((row for row in published.every_row if (row.folder, row.key, row.images) == (name, before.key, before.images)
                              and row.number(metric) is not None and (metric != "fid" or row.fid_rank == before.fid_rank)), None)
                told = after is not None and before.number(metric) is not None
                changes.append(f"{number(before, metric, digits)} → {number(after, metric, digits)}" if told else "–")
            rows.append((titled(pair, before.key[0]), FROM[before.key[2]], METHODS[before.key[1]], *changes))
    return markdown("pair | from | method | RMSE | SSIM | FID", rows)


def data_consistency(options: dict[str, Any]) -> str:
    return "–" if options["task"] == "inpaint" else options["data_consistency"]


def refit(published: Published) -> str:
    """How far scores moved when the preconditioners were fitted again, on the same validation images."""
    rows = (published.read("refit.json") or {"rows": []})["rows"]
    if not rows:
        return MISSING
    moved = max(abs(after - before) for row in rows for before, after in [row["rmse"]])
    return f"on {rows[0]['n']:,} validation images no RMSE moved by more than {moved:.4f}"


def older(published: Published) -> str:
    """Which models have been trained further since their samplers, their growth or their steps were measured."""
    measured = [(row["model"], row["weights"]) for row in (published.read("growth.json") or {"rows": []})["rows"]]
    measured += [(f"{row['task']}-{row['dataset']}", row["weights"]) for row in (published.read("steps.json") or {"rows": []})["rows"]]
    for name in published.models:
        cells = (published.read(f"samplers/{name}/metrics.json") or {"cells": []})["cells"]
        measured += [(name, cell["provenance"]["weights"]) for cell in cells]
    found = sorted({name for name, weights in measured if name in published.models and weights not in of(published.models[name])})
    return f"Rows of {' and '.join(found)} were measured before the last stage of training." if found else ""


SECTIONS: dict[str, Callable[[Published], str]] = {
    "models": models, "last_stage": last_stage, "refit": refit, "older": older}
