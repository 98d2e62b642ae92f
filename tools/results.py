"""Builds results/README.md, results/details.md and a card for each model from what lies in results/: no score is typed by hand.

    python tools/results.py

Read are results/paper.json (the paper's table), baselines/*.json (rows that need no training), <task>-<dataset>[-8bit]/ (metrics.json,
weights.safetensors), quick-*/metrics.json, samplers/*/metrics.json, hot_and_cold.json, generation.json, training_choices.json,
leaks.json, fid.json, growth.json, steps.json, curves/, ablations/, pictures/, classifier-*/record.json
and report/. The sentences are in the *_template.md.
"""
from __future__ import annotations

import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

import result_ablations  # noqa: E402
import result_fid  # noqa: E402
import result_generation  # noqa: E402
import result_goals  # noqa: E402
import result_hot_and_cold  # noqa: E402
import result_leaks  # noqa: E402
import result_models  # noqa: E402
import result_paper  # noqa: E402
import result_report  # noqa: E402
import result_samplers  # noqa: E402
import result_tables  # noqa: E402
from result_rows import Published  # noqa: E402


def build(results: Path = HOME / "results") -> dict[str, str]:
    """The pages by their paths in the results folder."""
    published = Published(results)
    modules = (result_tables, result_models, result_paper, result_report, result_samplers, result_ablations, result_goals, result_hot_and_cold,
               result_generation, result_leaks, result_fid)
    pages = {page: Path(__file__).with_name(template).read_text()
             for page, template in (("README.md", "results_template.md"), ("details.md", "details_template.md"))}
    for name, table in (section for module in modules for section in module.SECTIONS.items()):
        pages = {page: text.replace("{{" + name + "}}", table(published)) for page, text in pages.items()}
    pages |= {f"{name}/README.md": result_models.card(published, name) for name in published.models}
    return {page: text.replace("\n\n\n", "\n\n").strip() + "\n" for page, text in pages.items()}


if __name__ == "__main__":
    for page, text in build().items():
        (HOME / "results" / page).write_text(text)
