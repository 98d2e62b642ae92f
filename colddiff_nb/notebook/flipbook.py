"""Pages painted beforehand under sliders, for ipywidgets 7.7 (Colab's) and 8.

    Flipbook({"blur": {0: (png, "sharp"), 1: (png, "blurred once")}}, ["degradation", "severity"]).widget
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
    says what they show). Texts as keys make a list, numbers a slider.
    """

    def __init__(self, pages: Mapping[Any, Any], names: Sequence[str]):
        self.pages, self.page, self.controls = pages, widgets.HTML(), []  # type: Any, Any, list[Any]
        below: Any = pages
        for name in names:
            kind = widgets.Dropdown if isinstance(next(iter(below)), str) else widgets.SelectionSlider
            control = kind(options=list(below), description=name, style={"description_width": "initial"},
                           layout={"width": "380px", "max_width": "100%"})
            control.observe(self._turn, "value")
            self.controls.append(control)
            below = below[control.value]
        self.widget = widgets.VBox([*self.controls, self.page])
        self._turn()

    def _turn(self, change: Any = None) -> None:
        """Offer the keys below each choice, keep the choices that are still there, and show the page."""
        found = self.pages
        for control in self.controls:
            keys = tuple(found)
            if keys != tuple(control.options):
                kept = control.value if control.value in keys else keys[-1]
                control.options = keys  # puts the control at its first option
                control.value = kept
            found = found[control.value]
        picture, sentence = found
        shown = as_html(picture, sentence, "max-width: min(100%, 770px)")
        self.page.value = f'{shown}<div aria-hidden="true">{escape(sentence)}</div>'
