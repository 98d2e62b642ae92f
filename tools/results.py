"""Builds results/README.md from what lies in results/: nothing in its tables is typed by hand.

    python tools/results.py

Read are results/paper.json (the paper's table), baselines/*.json (rows that need no training), <task>-<dataset>[-8bit]/ (metrics.json,
weights.safetensors), quick-*/metrics.json, samplers/*/metrics.json, hot_and_cold.json, generation.json, training_choices.json,
leaks.json, steps.json, curves/, ablations/, pictures/, classifier-*/record.json and report/. The sentences are in results_template.md.
"""
from __future__ import annotations

import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

import result_ablations  # noqa: E402
import result_generation  # noqa: E402
import result_goals  # noqa: E402
import result_hot_and_cold  # noqa: E402
import result_leaks  # noqa: E402
import result_report  # noqa: E402
import result_samplers  # noqa: E402
import result_tables  # noqa: E402
from result_rows import Published  # noqa: E402


def build(results: Path = HOME / "results") -> str:
    """The text of results/README.md."""
    published = Published(results)
    text = Path(__file__).with_name("results_template.md").read_text()
    sections = (result_tables.SECTIONS | result_report.SECTIONS | result_samplers.SECTIONS | result_ablations.SECTIONS
                | result_goals.SECTIONS | result_hot_and_cold.SECTIONS | result_generation.SECTIONS | result_leaks.SECTIONS)
    for name, table in sections.items():
        text = text.replace("{{" + name + "}}", table(published))
    return text.replace("\n\n\n", "\n\n").strip() + "\n"


if __name__ == "__main__":
    (HOME / "results" / "README.md").write_text(build())
