"""Pages painted beforehand under sliders: turning them shows bytes that are there, and does no other work.

    Flipbook({"blur": {0: (png, "sharp"), 1: (png, "blurred once")}}, ["degradation", "severity"]).widget

Core ipywidgets alone, of version 7.7 (Colab's) or 8.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from colddiff_nb.notebook.pictures import as_html


class Flipbook:
    """`widget` shows it; a program may set controls[i].value.

    pages: nested mappings, one level for each of the names: pages[a][b] = (PNG bytes, a sentence that
    says what they show). Texts as keys make a list to choose from, numbers a slider. pages[a] may
    have other keys than pages[b].
    """

    def __init__(self, pages: Mapping[Any, Any], names: Sequence[str], width: int = 770):
        self.pages, self.controls = pages, []  # type: Mapping[Any, Any], list[Any]
        for level, name in enumerate(names):
            keys = list(self._at(level))
            kind = widgets.Dropdown if isinstance(keys[0], str) else widgets.SelectionSlider
            control = kind(options=keys, description=name, layout={"width": "380px", "max_width": "100%"},
                           style={"description_width": "initial"})
            control.observe(lambda _, level=level: self._turn(level), "value")
            self.controls.append(control)
        self.width, self.page = width, widgets.HTML()
        self.widget = widgets.VBox([*self.controls, self.page])
        self._turn(len(names) - 1)

    def _at(self, level: int) -> Any:
        """What the control of this level chooses from; beyond the last level the page itself."""
        found = self.pages
        for control in self.controls[:level]:
            found = found[control.value]
        return found

    def _turn(self, level: int) -> None:
        """Offer the keys below a control, keep the choices that are still there, and show the page."""
        for below, control in enumerate(self.controls[level + 1:], level + 1):
            keys = tuple(self._at(below))
            if keys != tuple(control.options):
                kept = control.value if control.value in keys else keys[-1]
                control.options = keys  # puts the control at its first option
                control.value = kept
        picture, sentence = self._at(len(self.controls))
        shown = as_html(picture, sentence, f"max-width: min(100%, {self.width}px)")
        self.page.value = f'{shown}<div aria-hidden="true">{escape(sentence)}</div>'
