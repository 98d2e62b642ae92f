"""Notebook 03 in JupyterLab in a real browser: run all, drag the slider, press ArrowRight and play; the picture changes, no errors.

Screenshots are kept in the folder that BROWSER_SHOTS names, if it does.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from hands import keep

pytestmark = pytest.mark.slow
HOME = Path(__file__).resolve().parents[2]
WAIT = 120_000  # milliseconds: long enough on a busy machine
LAST = "todo: write stop_early"  # what the last cell prints
CUT = """[...document.querySelectorAll('.widget-vbox :is(.jupyter-button, .widget-label, .widget-html-content)')].filter(element =>
    element.offsetParent && (element.scrollWidth > element.clientWidth + 1 || element.getBoundingClientRect().right
    > element.closest('.jp-OutputArea-output').getBoundingClientRect().right + 1)).map(element => element.innerText)"""  # what is not wholly shown


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab that serves a copy of notebook 03."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "colddiff_nb").symlink_to(HOME / "colddiff_nb")
    shutil.copy(HOME / "notebooks" / "03_sampling.ipynb", folder)
    for setting, value in (("notebook-extension/tracker", {"windowingMode": "none"}),  # else cells off the screen are not in the page
                           ("apputils-extension/notification", {"fetchNews": "false"})):  # else a question covers the picture's corner
        file = tmp_path / "settings" / "@jupyterlab" / f"{setting}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(value))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"COLDDIFF_NB": f"smoke,offline,runs={tmp_path / 'runs'}", "OMP_NUM_THREADS": "1",
                                "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                                "JUPYTER_DATA_DIR": str(tmp_path / "data"), "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
               "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly"]
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{address}/api", timeout=1)
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                pytest.fail(f"JupyterLab did not start: {(tmp_path / 'lab.log').read_text()[-500:]}")
            yield f"{address}/lab/tree/03_sampling.ipynb?reset"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def test_the_slider_moves_the_picture(browser, lab):
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1400, "height": 1650})
    page.on("console", lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(lab)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=WAIT)
    page.wait_for_function("window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=WAIT)
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_text(LAST).nth(0).wait_for(timeout=WAIT, state="attached")
    page.wait_for_function(f"[...document.querySelectorAll('.jp-OutputArea-output')].some(o => o.innerText.includes('{LAST}'))", timeout=WAIT)
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0

    handle = page.locator(".widget-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    picture = page.locator("img.widget-image").last
    value = page.locator(".widget-slider .widget-readout").first

    def k() -> int:
        return int(value.inner_text())

    seen = [(k(), picture.get_attribute("src"))]

    def changed(name: str) -> int:
        """Wait until k and the picture are new; returns k."""
        before_k, before = seen[-1]
        for _ in range(100):
            if k() != before_k and picture.get_attribute("src") != before:
                break
            page.wait_for_timeout(50)
        page.wait_for_timeout(300)
        seen.append((k(), picture.get_attribute("src")))
        keep(page, name)
        assert seen[-1][0] != before_k and seen[-1][1] != before, f"{name} changed nothing: k = {before_k}"
        readout = page.locator(".widget-hbox", has=handle).inner_text()
        assert name == "play" or f"step {seen[-1][0]} of" in readout  # while it plays, both move on
        return seen[-1][0]

    keep(page, "start")
    page.locator(".widget-dropdown select").first.select_option(label="inpainting")
    page.wait_for_function("document.querySelector('.widget-html')?.innerText.includes('inpainting')", timeout=30_000)
    seen[-1] = (k(), picture.get_attribute("src"))
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 40, box["y"] + box["height"] / 2, steps=10)
    page.mouse.up()
    dragged = changed("dragged")
    assert dragged > 5
    handle.focus()
    page.keyboard.press("ArrowRight")
    assert changed("arrow") == dragged + 1
    page.locator(".jupyter-button", has_text="back").first.click()
    assert changed("back") == dragged
    page.locator(".widget-play button").first.click()
    assert changed("play") > dragged
    page.set_viewport_size({"width": 1000, "height": 1900})
    page.wait_for_timeout(500)
    keep(page, "narrow")
    assert page.evaluate(CUT) == []
    page.close()
    assert not errors, errors
