"""The live page's engine in a real browser: its states are those of PyTorch; a run that was ended is silent; errors are sentences."""
import base64

import numpy as np
import pytest
import torch

from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import TASKS, make, measure
from colddiff_nb.weights import load_pretrained

pytestmark = pytest.mark.slow
PAIRS = [(task, data) for task in TASKS for data in ("mnist", "cifar10")]
OFFLINE = {"mnist": "mnist5k", "cifar10": "photos"}
ROW, COLUMN = 9, 20  # of a mask's centre

BLANK = """<!doctype html><title>engine</title><link rel=icon href="data:,">
<meta http-equiv=Content-Security-Policy content="default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:">
<script type=module src="start.js"></script>"""
START = """
import { createEngine } from "./engine.js";
window.decoded = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
window.coded = (x) => x && btoa(Array.from(new Uint8Array(x.buffer), (byte) => String.fromCharCode(byte)).join(""));
window.said = (promise) => promise.then(() => "", ({name, message}) => `${name}: ${message}`);
window.heard = [];  // what kinds of messages the Worker sent
window.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({data}) => heard.push(data.kind));
  }
};
window.noise = (length) => Float32Array.from({length}, () => Math.random() * 2 - 1);
createEngine().then((engine) => { window.engine = engine; });
"""


@pytest.fixture
def page(browser, site):
    """A page with `engine`; in the end it has asked no other host, nor complained. page.asked: the files it fetched."""
    page = browser.new_page()
    page.asked, complaints = [], []

    def allow_the_site_alone(route):
        path = route.request.url.removeprefix(site)
        page.asked.append(path)
        if path == "blank.html":
            route.fulfill(body=BLANK, content_type="text/html")
        elif path == "start.js":
            route.fulfill(body=START, content_type="text/javascript")
        elif path == page.broken:
            route.fulfill(status=404)
        elif path == route.request.url:
            complaints.append(f"asked for {path}")
            route.abort()
        else:
            route.continue_()

    page.broken = None
    page.context.route("**/*", allow_the_site_alone)
    page.on("console", lambda message: page.broken or complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{site}blank.html")
    page.wait_for_selector("title", state="attached")
    for _ in range(200):
        if page.evaluate("Boolean(window.engine)"):
            break
        page.wait_for_timeout(25)
    yield page
    page.close()
    assert not complaints, complaints


def coded(x: torch.Tensor) -> str:
    return base64.b64encode(x.numpy().tobytes()).decode()


def decoded(text: str, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.float32).copy()).view_as(like)


def restored(page, pair: str, method: str, x0: torch.Tensor, s: int, eight_bit: bool) -> list[tuple]:
    """(s, x_s, x0_hat, added) of each state."""
    states = page.evaluate("""async ([pair, method, x0, s, x, y, eightBit]) => {
        const seen = [], {promise} = engine.restore(pair, method, decoded(x0), s,
                                                    {mask: {x, y}, eightBit, onStep: (state) => seen.push(state)});
        const {states} = await promise;
        if (states.length !== seen.length || states.some((state, i) => state !== seen[i])) throw new Error("states differ");
        return states.map(({s, x_s, x0_hat, added}) => [s, coded(x_s), coded(x0_hat), coded(added)]);
    }""", [pair, method, coded(x0), s, COLUMN, ROW, eight_bit])
    return [(s, *(image and decoded(image, x0) for image in images)) for s, *images in states]


def pytorch(task: str, data: str, precision: str):
    options = {"center": (ROW, COLUMN)} if task == "inpaint" else {}
    return load_pretrained(task, data, precision)[0], make(task, data, **options), to_float(load(OFFLINE[data], "test").pixels[5:6])


@pytest.mark.parametrize(("task", "data", "precision"),
                         [(*pair, "float32") for pair in PAIRS] + [("deblur", "mnist", "8bit"), ("superres", "cifar10", "8bit")])
def test_every_state_is_what_pytorch_makes_of_the_one_before(page, task, data, precision):
    network, degrade, x0 = pytorch(task, data, precision)
    steps = {"direct": lambda x_s, x0_hat, s: x0_hat, "algorithm1": lambda x_s, x0_hat, s: degrade(x0_hat, s - 1),
             "algorithm2": lambda x_s, x0_hat, s: x_s - degrade(x0_hat, s) + degrade(x0_hat, s - 1)}
    for method, step in steps.items():
        start = degrade.T - 1 if method == "algorithm1" else degrade.T
        states = restored(page, f"{task}-{data}", method, x0, start, precision == "8bit")
        assert [state[0] for state in states] == ([start, 0] if method == "direct" else list(range(start, -1, -1)))
        assert (states[0][1] - measure(degrade(x0, start), precision)).abs().max() < 1e-7
        for (s, x_s, x0_hat, added), (_, x_next, *_) in zip(states, states[1:]):
            expected = network(x_s, torch.tensor([s]), torch.tensor([start]))
            assert (x0_hat - expected).abs().max() < 2e-4, (method, s)
            assert (x_next - step(x_s.double(), x0_hat.double(), s)).abs().max() < 1e-6, (method, s)
            assert (added - (x_next - x_s)).abs().max() < 1e-6
        s, x_s, x0_hat, added = states[-1]
        assert s == 0 and torch.equal(x_s, x0_hat) and added is None


@pytest.mark.parametrize("task", TASKS)
def test_degrade_shows_what_pytorch_makes_with_and_without_8_bits(page, task):
    degrade = make(task, "cifar10", **{"center": (31, -1)} if task == "inpaint" else {})
    x0 = to_float(load("photos", "test").pixels[7:8])
    for s in (0, 1, degrade.T):
        for precision in ("float32", "8bit"):
            x_s = page.evaluate("""async ([pair, x0, s, eightBit]) => coded(
                await engine.degrade(pair, decoded(x0), s, {mask: {x: -7, y: 31.2}, eightBit}))""",
                                [f"{task}-cifar10", coded(x0), s, precision == "8bit"])
            difference = (decoded(x_s, x0) - measure(degrade(x0, s), precision)).abs()
            assert difference.max() < (1e-7 if precision == "float32" else 1e-6)
    assert not [file for file in page.asked if "restore" in file]  # the slider moves before the network is there


def test_a_pair_is_fetched_once_and_counted(page):
    def ready(options: str) -> list:
        return page.evaluate(f"""async () => {{
            const counts = [];
            await engine.ready("deblur-mnist", {{{options} onProgress: (loaded, total) => counts.push([loaded, total])}});
            return counts;
        }}""")
    assert "runtime/ort.wasm.gz" not in page.asked
    counts = ready("")
    assert counts[-1][0] == counts[-1][1] < 6e6 and counts == sorted(counts) and len({total for _, total in counts}) == 1
    fetched = len(page.asked)
    assert ready("") == [] and len(page.asked) == fetched
    assert ready("eightBit: true,")[-1][1] < 2.5e6
    assert page.asked[fetched:] == ["models/deblur-mnist-restore-8bit.onnx.gz"]


def test_what_is_on_its_way_already_is_counted(page):
    counts = page.evaluate("""async () => {
        const counts = [], slider = engine.degrade("superres-mnist", noise(1024), 2);
        await engine.ready("superres-mnist", {onProgress: (loaded, total) => counts.push([loaded, total])});
        await slider;
        return counts;
    }""")
    assert counts[-1][0] == counts[-1][1] > 5e6


def test_an_ended_run_is_silent_and_the_newest_of_a_method_counts(page):
    outcome = page.evaluate("""async () => {
        const seen = {old: 0}, x0 = noise(1024);
        const start = (method, onStep) => engine.restore("inpaint-mnist", method, x0, 50, {onStep});
        await engine.ready("inpaint-mnist");
        const first = start("algorithm2", () => { seen.old++; });
        const other = start("algorithm1", () => {});
        const ended = await new Promise((resolve) => {
            const run = start("direct", () => {});
            run.abort();
            resolve(said(run.promise));
        });
        let newest;
        const replaced = await new Promise((resolve) => {
            const watch = setInterval(() => {
                if (seen.old < 3) return;
                clearInterval(watch);
                newest = start("algorithm2", () => {});
                seen.atTheEnd = seen.old;
                resolve(said(first.promise));
            }, 1);
        });
        const lengths = [(await newest.promise).states.length, (await other.promise).states.length];
        const stopped = heard.filter((kind) => kind === "state").length < 51 + 51 + 45;  // in the Worker, too
        return {stopped, ended, replaced, lengths, silent: seen.old === seen.atTheEnd, early: seen.old < 50};
    }""")
    assert outcome.pop("ended").startswith("AbortError: ") and outcome.pop("replaced").startswith("AbortError: ")
    assert outcome == {"lengths": [51, 51], "silent": True, "early": True, "stopped": True}


@pytest.mark.parametrize(("call", "says"), [
    ("engine.degrade('sharpen-mnist', noise(1024), 1)", "no model sharpen-mnist, only deblur-mnist, "),
    ("engine.degrade('superres-mnist', noise(3072), 1)", "1024 values, not 3072"),
    ("engine.degrade('superres-mnist', noise(1024), 4)", "severities 0..3, not 4"),
    ("engine.degrade('superres-mnist', noise(1024), 1.5)", "severities 0..3, not 1.5"),
    ("(async () => engine.restore('inpaint-mnist', 'direct', noise(1024), -1).promise)()", "severities 0..50, not -1")])
def test_what_cannot_be_is_refused_in_a_sentence(page, call, says):
    assert says in page.evaluate(f"said({call})")


@pytest.mark.parametrize("file", ("models/superres-mnist-restore.onnx.gz", "runtime/ort.wasm.gz"))
def test_a_file_that_is_missing_is_named_and_may_be_asked_for_again(page, file):
    page.broken = file
    assert page.evaluate("said(engine.ready('superres-mnist'))") == f"Error: {file} could not be loaded: the server answered 404"
    page.broken = "none"
    assert page.evaluate("said(engine.ready('superres-mnist'))") == ""


def test_a_closed_engine_ends_what_runs(page):
    assert page.evaluate("""async () => {
        const run = engine.restore("superres-mnist", "direct", noise(1024), 3);
        engine.dispose();
        return said(run.promise);
    }""").startswith("AbortError: ")
