"""Notebook 03 in the JupyterLab of `make lab`, in a real browser: what a reader does with the explorer, by mouse and by keys.

Screenshots are kept in the folder that BROWSER_SHOTS names, if it does.
"""
import json
import os
import re
import shutil
import signal
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
IDLE = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CUT = """[...document.querySelectorAll('.widget-vbox :is(.jupyter-button, .widget-label, .widget-html-content, img)')].filter(element =>
    element.offsetParent && element.innerText !== 'mine' && getComputedStyle(element).fontSize !== '0px' && (
    element.scrollWidth > element.clientWidth + 1 || element.getBoundingClientRect().right
    > element.closest('.jp-OutputArea-output').getBoundingClientRect().right + 1)).map(element => element.outerHTML.slice(0, 200))"""


@pytest.fixture
def lab(tmp_path):
    """The address of what `make lab` serves, in a copy of notebooks 00 and 03."""
    folder = tmp_path / "work"
    (folder / "notebooks").mkdir(parents=True)
    for name in ("Makefile", "colddiff_nb", "pyproject.toml", "requirements.txt", "tools"):
        (folder / name).symlink_to(HOME / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "ready").touch()
    for name in ("00_start_here", "03_sampling"):
        for ending in ("py", "ipynb"):
            shutil.copy(HOME / "notebooks" / f"{name}.{ending}", folder / "notebooks")
    file = tmp_path / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"windowingMode": "none"}))  # else cells off the screen are not in the page
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"COLDDIFF_NB": f"smoke,offline,runs={folder / 'runs'}", "OMP_NUM_THREADS": "1",
                                "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                                "JUPYTER_DATA_DIR": str(tmp_path / "data"), "IPYTHONDIR": str(tmp_path / "ipython")}
    arguments = (f"--no-browser --allow-root --ServerApp.port={port} --ServerApp.ip=127.0.0.1 --IdentityProvider.token= "
                 "--LabApp.expose_app_in_browser=True --LabApp.extension_manager=readonly")
    command = ["make", "lab", f"BIN={Path(sys.executable).parent}", f"ARGS={arguments}"]
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
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
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


def test_a_reader_opens_the_notebooks_and_plays_with_the_explorer(browser, lab):
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(WAIT)
    page.on("console", lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(lab)  # notebook 00 is in front; opening changes no file; its source is not listed
    for name in ("00_start_here", "03_sampling"):
        page.evaluate(f"window.jupyterapp.commands.execute('docmanager:open', {{path: 'notebooks/{name}.ipynb'}})") if name[1] != "0" else None
        page.wait_for_function(f"window.jupyterapp?.shell.currentWidget?.context?.path === 'notebooks/{name}.ipynb' && {IDLE}")
        page.wait_for_timeout(1000)
        assert not page.evaluate("window.jupyterapp.shell.currentWidget.context.model.dirty"), name
    assert page.locator(".jp-DirListing-itemName").all_inner_texts() == ["00_start_here.ipynb", "03_sampling.ipynb"]

    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"[...document.querySelectorAll('.jp-OutputArea-output')].some(o => o.innerText.includes('{LAST}'))")
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0

    area = page.locator(".jp-OutputArea", has=page.locator(".noUi-handle")).first
    handle, sheet = area.locator(".noUi-handle"), area.locator("p + div")
    pictures = sheet.locator("img")

    def shows(words) -> list[str]:
        """Wait until the explorer says so; returns its pictures."""
        area.locator("p", has_text=words).wait_for()
        return [picture.get_attribute("src") for picture in pictures.all()]

    seen = shows("step 25 of 50")
    assert all(len(picture.get_attribute("alt")) > 50 for picture in pictures.all())
    for width, side in ((1280, "side by side"), (500, "stacked")):
        page.set_viewport_size({"width": width, "height": 800})
        if width == 500:
            page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        page.wait_for_timeout(500)
        area.evaluate("element => element.scrollIntoView({block: 'start'})")
        keep(page, f"explorer-{width}")
        slider, below = area.locator(".widget-slider").bounding_box(), sheet.bounding_box()
        tops = [picture.bounding_box()["y"] for picture in pictures.all()]
        assert (tops[0] == tops[1]) is (side == "side by side")
        assert below["y"] + below["height"] - slider["y"] < 700 and abs(slider["width"] - below["width"]) < 10
        assert page.evaluate(CUT) == []

    handle.focus()
    page.keyboard.press("ArrowRight")
    assert shows("step 26 of 50") != seen
    area.locator(".jupyter-button", has_text="back").focus()
    page.keyboard.press("Enter")
    assert shows("step 25 of 50") == seen
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 2000, box["y"] + box["height"] / 2, steps=10)
    page.mouse.up()
    shows("step 0 of 50")
    area.locator(".widget-play button").first.click()
    shows(re.compile("step [1-9]"))
    area.locator(".widget-play button").first.click()

    thumbnails = area.locator(".images button")
    assert [one.is_visible() for one in thumbnails.all()] == [True] * 8 + [False]  # no own image yet
    for number in (1, 2, 3):
        thumbnails.nth(number).click()
    area.get_by_text("restoring ...").wait_for()
    area.get_by_text("restoring ...").wait_for(state="detached")
    assert thumbnails.nth(3).evaluate("element => element.classList.contains('mod-active')")
    area.get_by_text("super-resolution", exact=True).click()
    seen = shows("super-resolution")
    with page.expect_file_chooser() as chooser:
        area.locator(".widget-upload").click()
    chooser.value.set_files(HOME / "results" / "pictures" / "scores.png")
    assert shows("your own image") != seen and thumbnails.last.is_visible()
    keep(page, "own")

    area.get_by_text("save GIF").click()
    area.get_by_text("superres-cifar10-mine.gif").click()
    page.wait_for_function("window.jupyterapp.shell.currentWidget?.title.label === 'superres-cifar10-mine.gif'")
    keep(page, "gif")
    page.close()
    assert not errors, errors
