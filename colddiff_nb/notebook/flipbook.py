"""Pages painted beforehand under sliders: turning them shows bytes that are there, and does no other work.

    Flipbook({"blur": {0: (png, "not blurred"), 1: (png, "blurred once")}}, ["degradation", "severity"]).widget

Core ipywidgets alone, of version 7.7 (Colab's) or 8.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets


class Flipbook:
    """`widget` shows it; a program may set controls[i].value.

    pages: nested mappings, pages[a][b] = (PNG bytes, a sentence that says what they show), one level for each of the names; all must
    have the same depth, but pages[a] may have other keys than pages[b]. Numbers as keys make a slider, texts a list to choose from.
    """

    def __init__(self, pages: Mapping, names: Sequence[str], width: int = 770):
        self.pages, self.controls = pages, []  # type: Mapping, list[Any]
        for level, name in enumerate(names):
            keys = list(self._at(level))
            kind = widgets.Dropdown if isinstance(keys[0], str) else widgets.SelectionSlider
            control = kind(options=keys, description=name, layout={"width": "380px"}, style={"description_width": "initial"})
            self.controls.append(control)
            control.observe(lambda _, level=level: self._turn(level), "value")
        self.picture = widgets.Image(format="png", layout={"max_width": f"{width}px", "align_self": "flex-start"})  # else it is stretched
        self.sentence = widgets.HTML(layout={"max_width": f"{width}px"})
        self.widget = widgets.VBox([*self.controls, self.picture, self.sentence])
        self._turn(len(names) - 1)

    def _at(self, level: int) -> Any:
        """The mapping whose keys the control of this level chooses from; beyond the last level the page itself."""
        found = self.pages
        for control in self.controls[:level]:
            found = found[control.value]
        return found

    def _turn(self, level: int) -> None:
        """The callback of the control of a level: offer the keys that are below it, keep a choice that is still there, show the page."""
        for below, control in enumerate(self.controls[level + 1:], level + 1):
            keys = tuple(self._at(below))
            if keys != tuple(control.options):
                kept = control.value if control.value in keys else keys[-1]
                control.options = keys  # puts the control at its first option
                control.value = kept
        self.picture.value, sentence = self._at(len(self.controls))
        self.sentence.value = escape(sentence)
