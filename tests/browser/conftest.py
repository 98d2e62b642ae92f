"""A browser, and the live page that it opens: built once, served on this machine."""
from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import build

CHROMIUM = Path("/usr/bin/chromium")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium or else playwright's own; skips where there is neither."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with playwright.sync_playwright() as p:
        path = CHROMIUM if CHROMIUM.exists() else Path(p.chromium.executable_path)
        if not path.exists():
            pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium, or else playwright install chromium")
        browser = p.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The address of the live page; skips where it cannot be made."""
    if reason := build.obstacle():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def opened(browser, site):
    """open(hash, width, height, blocked, **options) -> the live page.

    In the end no page has asked another host for anything, nor complained in the console. `blocked` holds back
    the addresses with one of these parts in them."""
    complaints, contexts = [], []

    def open_(hash: str = "", width: int = 1280, height: int = 720, blocked: tuple[str, ...] = (), **options):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)

        def let_pass(route) -> None:
            if any(part in route.request.url for part in blocked):
                return  # it never answers
            if not route.request.url.startswith((site, "blob:", "data:")):
                complaints.append(f"asked for {route.request.url[:200]}")
            route.continue_()

        page.route("**/*", let_pass)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{site}#{hash}")
        page.locator("#algorithm2 .rmse:not(:empty)").wait_for()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints, complaints
