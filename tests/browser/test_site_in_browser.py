"""The live page in Chromium: what a visitor draws, destroys, restores, moves, saves and passes on.

Each test ends by checking that no page complained in the console or asked another host for anything.
"""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hands import draw, keep, said, seen, to_the_end, until, warned
from PIL import Image

from colddiff_nb.sampling import SAMPLERS
from colddiff_nb.weights import load_pretrained, shipped_classifier

pytestmark = pytest.mark.slow
HOME = Path(__file__).resolve().parents[2]
METHODS = ("direct", "algorithm1", "algorithm2")
sizes = pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 720)])
schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


@schemes
@sizes
def test_one_screen_holds_it_all_and_every_target_can_be_hit(opened, width, height, scheme) -> None:
    page = opened("", width, height, color_scheme=scheme)
    keep(page, f"site-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in ("#pad", "#degraded", "#algorithm2 canvas", "#play", "#severity"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= height and box["x"] + box["width"] <= width, part
    for target in page.locator("button:visible, select:visible, input[type=range]:visible, .links a, .tasks label, .switch").all():
        box = target.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 43.5, target
    paper, ink = (int(re.findall(r"\d+", page.evaluate(f"getComputedStyle(document.{of}).{name}"))[0])
                  for of, name in (("documentElement", "backgroundColor"), ("body", "color")))
    assert (paper > ink) == (scheme == "light")


def test_a_restored_digit_is_there_before_the_network_is(opened) -> None:
    page = opened(blocked=("/runtime/ort", ".onnx"))
    original = seen(page, "#original")
    for method in METHODS:
        assert (seen(page, f"#{method} canvas") - original).pow(2).mean().sqrt() / 2 < 0.15
    page.locator("#step").fill("0")
    assert torch.equal(seen(page, "#direct canvas"), seen(page, "#degraded")) and seen(page, "#degraded").unique().numel() <= 16


def test_drawn_digits_come_back_from_sixteen_squares(opened) -> None:
    page, read = opened(), shipped_classifier("mnist")
    right = dict.fromkeys(METHODS, 0)
    for digit in (0, 2, 3, 5, 7, 8):
        draw(page, digit)
        to_the_end(page)
        assert seen(page, "#degraded")[0, 0].unique().numel() <= 16
        for method in METHODS:
            right[method] += int(read(seen(page, f"#{method} canvas")[:, :1]).argmax()) == digit
    assert min(right.values()) >= 5, right


def test_a_drawing_is_made_like_the_digits_of_mnist(opened) -> None:
    page = opened()
    for digit in (1, 4, 9):
        draw(page, digit)
        to_the_end(page)
        ink = (seen(page, "#original")[0, 0] + 1) / 2
        rows, columns = (ink.amax(1) > 0.1).nonzero(), (ink.amax(0) > 0.1).nonzero()
        assert 21 <= max(rows.max() - rows.min(), columns.max() - columns.min()) + 1 <= 25  # 20 of 28 pixels, of 32
        places = torch.arange(32) + 0.5
        assert abs((ink.sum(1) * places).sum() / ink.sum() - 16) < 0.2
        assert abs((ink.sum(0) * places).sum() / ink.sum() - 16) < 0.2


def test_each_step_is_that_of_pytorch(opened) -> None:
    page = opened("task=superres&s=2&digit=8")
    restore, degrade, _ = load_pretrained("superres", "mnist")
    x0 = seen(page, "#original")[:, :1]
    paths = {name: sampler(restore, degrade, degrade(x0, 2), 2, trajectory=True) for name, sampler in SAMPLERS.items()}
    for k in (0, 1, 2):
        page.locator("#step").fill(str(k))
        page.locator("#step").press("Home" if not k else "ArrowLeft")
        page.locator("#step").fill(str(k))
        until(page, f"document.getElementById('step').getAttribute('aria-valuetext') === '{k} of 2 steps done'")
        for name, path in paths.items():
            expected = path.x[min(k, len(path.x) - 1)].clamp(-1, 1)
            assert (seen(page, f"#{name} canvas")[:, :1] - expected).abs().max() < 1.1 / 127.5, (name, k)


def test_the_slider_degrades_live_and_play_goes_to_the_end(opened) -> None:
    page = opened("task=deblur&s=1&digit=3")
    before = seen(page, "#degraded")
    box = page.locator("#severity").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=5)
    until(page, "document.getElementById('lost').textContent.startsWith('Blurred 1')")
    page.wait_for_timeout(1000)
    assert (seen(page, "#degraded") - before).abs().max() > 0.3  # the button is still down
    page.mouse.up()
    page.locator("#speed").select_option("fast")
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "Pause"
    until(page, "document.querySelector('#algorithm2 .rule.lit') !== null")
    said(page, "What was left had")
    assert page.locator("#play").inner_text() == "Play" and page.locator("#next").is_disabled()
    assert re.fullmatch("x0 = x1\\s+− D\\(x̂0, 1\\)\\s+\\+ D\\(x̂0, 0\\)", page.locator("#algorithm2 .rule").inner_text().replace("\n", ""))


def test_the_hole_is_where_the_visitor_clicks(opened) -> None:
    page = opened("task=inpaint&s=20&digit=0")
    box = page.locator("#degraded").bounding_box()
    page.locator("#degraded").click(position={"x": box["width"] * 8.5 / 32, "y": box["height"] * 20.5 / 32})
    until(page, "location.hash.includes('hole=8.20')")
    page.locator("#degraded").press("ArrowRight")
    until(page, "location.hash.includes('hole=9.20')")
    to_the_end(page)
    _, degrade, _ = load_pretrained("inpaint", "mnist")
    x0 = seen(page, "#original")[:, :1]
    expected = degrade.apply_at(x0, torch.tensor([20]), torch.tensor([[20, 9]]))
    assert (seen(page, "#degraded")[:, :1] - expected).abs().max() < 1.1 / 127.5


def test_a_picture_of_ones_own_is_cut_by_a_frame_that_moves(opened, tmp_path) -> None:
    left, right = Image.new("RGB", (400, 400), (250, 40, 40)), Image.new("RGB", (800, 400), (40, 40, 250))
    right.paste(left, (0, 0))
    right.save(tmp_path / "two halves.png")
    page = opened("task=superres&s=1")
    page.locator("#file").set_input_files(tmp_path / "two halves.png")
    until(page, "document.getElementById('picture-tools').offsetParent !== null")
    page.locator("#frame").fill("50")
    box = page.locator("#pad").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - box["width"] / 2, middle[1], steps=4)
    page.mouse.up()
    to_the_end(page)
    red = torch.tensor([250, 40, 40]).view(1, 3, 1, 1) / 127.5 - 1
    assert (seen(page, "#original") - red).abs().max() < 0.03
    page.locator("#link").click()
    assert page.locator("#linked", has_text="It carries your photo.").is_visible()
    until(page, "location.hash.includes('picture=')")
    same = opened(page.url.partition("#")[2])
    assert torch.equal(seen(same, "#original"), seen(page, "#original"))


def test_the_words_fit_what_is_shown(opened) -> None:
    page = opened("task=superres&s=3&digit=2", width=360)
    words = []
    for task in ("superres", "deblur", "inpaint"):
        page.locator(f"[value={task}]").check()
        words.append([page.locator(part).inner_text() for part in (".lead", "#lost")])
    assert "grey squares" in words[0][0] and "blur" in words[1][0] and "hole" in words[2][0]
    assert "still there, but too faint for the eye" in words[1][1]
    headings = {"digit:2": "An example", "photo:0": "A photograph", "drawing:0": "Draw a digit"}
    for source, heading in headings.items():
        page.locator(f"[value='{source}']").check()
        assert page.locator("#one-text").inner_text() == heading
    assert page.locator("#invitation").is_visible()
    draw(page, 7)
    assert page.locator("#one-text").inner_text() == "Your drawing"
    assert page.locator("#invitation").is_hidden()


def test_a_telephone_invites_to_draw_first(opened) -> None:
    page = opened("", 360, 740, has_touch=True, is_mobile=True)
    draw_button = page.locator("[value='drawing:0'] + span").bounding_box()
    assert draw_button["x"] >= 0 and draw_button["x"] + draw_button["width"] <= 360
    assert page.locator("#invitation").inner_text() == "Draw a digit here"
    page.locator("[value=inpaint]").check()
    assert page.locator("#lost").inner_text().endswith("Tap to move it.")


def test_an_empty_canvas_has_no_error_and_no_step_has_no_empty_box(opened) -> None:
    page = opened("task=superres&s=3&digit=2&inside=1")
    assert page.locator("#insides").is_hidden() and "Press Play" in page.locator("#inside-text").inner_text()
    to_the_end(page)
    assert page.locator("#insides").is_visible() and "orange" in page.locator("#inside-text").inner_text()
    page.locator("#clear").click()
    said(page, "Draw a digit")
    assert page.locator(".rmse").all_inner_texts() == [""] * 4


def test_results_that_are_nearly_equal_are_a_tie(opened) -> None:
    page, tell = opened(), "async (rmse) => (await import('./words.js')).told({s: 1, k: 1, rmse})"
    for errors, verdict in [((0.100, 0.104, 0.110), "Direct comes nearest: error 0.100."),
                            ((0.1045, 0.104, 0.110), "Direct and Algorithm 1 tie: error 0.104."),
                            ((0.1015, 0.101, 0.1), "All three tie: error 0.100.")]:
        rmse = dict(zip(METHODS, errors, strict=True), start=0.3)
        assert page.evaluate(tell, rmse) == f"{verdict} What was left had 0.300."


def test_another_tool_or_switch_restores_again_what_was_restored(opened) -> None:
    page = opened("task=superres&s=3&digit=2&k=3")
    said(page, "What was left had")
    page.locator("[value=deblur]").check()
    until(page, "document.getElementById('step').getAttribute('aria-valuetext') === '20 of 20 steps done'")
    page.locator("#lost label").click()  # it is the switch, too
    assert page.locator("#bits").is_checked()
    said(page, "What was left had")
    assert page.locator("#step").input_value() == "20"


@schemes
@pytest.mark.parametrize("width", [360, 1280])
def test_a_formula_can_be_read_and_keeps_its_height(opened, width, scheme) -> None:
    heights, options = set(), {"color_scheme": scheme, "reduced_motion": "reduce"}
    page = opened("task=deblur&s=20&digit=3", width, 740, **options)
    for key in ("ArrowRight", "End"):
        heights.add(page.locator("#algorithm2 .rule").bounding_box()["height"])
        page.locator("#step").press(key)
        until(page, "document.querySelector('#algorithm2 .rule.lit') !== null")
        heights.add(page.locator("#algorithm2 .rule").bounding_box()["height"])
    assert len(heights) == 1
    paper, *inks = (luminance(page, part) for part in ("html", "#direct .rule", "#algorithm2 .rule"))
    for ink in inks:
        lighter, darker = max(ink, paper), min(ink, paper)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(page, part: str) -> float:
    """The relative luminance (WCAG) of a colour on the page: of html its paper, else of the text."""
    name = "backgroundColor" if part == "html" else "color"
    colour = page.evaluate(f"getComputedStyle(document.querySelector('{part}')).{name}")
    red, green, blue = ((v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)
                        for v in (int(value) / 255 for value in re.findall(r"\d+", colour)[:3]))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_file_that_is_no_picture_is_one_sentence(opened, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    page = opened("task=superres&s=3&digit=4")
    page.locator("#file").set_input_files(tmp_path / "notes.txt")
    assert warned(page) == "“notes.txt” is no picture that this browser can read: choose a PNG, JPEG, GIF or WebP file."
    assert page.locator("[value='digit:4']").is_checked()


def test_a_link_carries_the_drawing_and_the_step(opened) -> None:
    page = opened()
    draw(page, 2)
    page.locator("[value=deblur]").check()
    page.locator("#severity").fill("6")
    page.locator("#inside").check()
    page.locator("#step").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('step').value === '4' && location.hash.includes('k=4')")
    said(page, "4 of 6 steps are done.")
    same = opened(page.url.partition("#")[2], width=360)
    said(same, "4 of 6 steps are done.")
    for canvas in ("#original", "#degraded", "#algorithm1 canvas", "#algorithm2 canvas", "#insides > :nth-child(3) canvas"):
        assert (seen(same, canvas) - seen(page, canvas)).abs().max() <= 1 / 127.5, canvas
    assert same.locator("#inside").is_checked()


def test_a_link_to_what_is_not_there_says_so(opened) -> None:
    page = opened("task=sharpen&digit=12&s=99&k=x&drawing=%22")
    text = warned(page)
    assert text.startswith("This link asks for what is not here: ")
    assert all(part in text for part in ("task=sharpen (choose superres, deblur or inpaint)", "s=99 (choose 1 to 3)", "k=x"))
    assert "digit=12 (choose 0 to 9)" in text


def test_an_image_file_destroys_what_blur_hides(opened) -> None:
    page = opened("task=deblur&s=20&digit=3")
    to_the_end(page)
    kept, degraded = seen(page, "#direct canvas"), seen(page, "#degraded")
    page.locator("#bits").check()
    until(page, "document.getElementById('lost').textContent.includes('Rounded')")
    said(page, "What was left had")  # restored again without a touch, to be compared
    original = seen(page, "#original")
    assert (seen(page, "#degraded") - degraded).abs().max() <= 1.01 / 127.5  # no eye sees a difference
    assert (seen(page, "#direct canvas") - original).pow(2).mean() > 2 * (kept - original).pow(2).mean()
    assert "256 levels" in page.locator("#about-bits").inner_text()


@sizes
def test_a_class_guesses_before_it_looks(opened, width, height) -> None:
    page = opened("guess=1", width, height)
    assert page.locator("#cover").is_visible() and page.locator("#sources").is_hidden()
    assert page.locator("#png").get_attribute("inert") is not None
    page.wait_for_timeout(500)
    assert "digit" not in page.url and "covered" in page.locator("#original").get_attribute("aria-label")
    for part in ("#degraded", "#guesses"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, part
    assert all(page.locator(part).is_disabled() for part in ("#play", "#next", "#step", "#clear"))
    said(page, "Answer first")
    page.get_by_role("button", name="It was 7").click()
    assert page.locator("#play").is_enabled() and page.locator("#step").is_enabled()
    answer = page.locator("#guess-text").inner_text()
    assert re.fullmatch(r"(Yes, it was a 7. 1|No, it was a [^7]. 0) of 1 guesses are right.", answer)
    assert page.locator("#cover").is_hidden()
    page.get_by_role("button", name="Another digit").click()
    assert page.locator("#cover").is_visible()
    page.locator("#guess").uncheck()
    assert page.locator("#sources").is_visible() and page.locator("#cover").is_hidden()


def test_the_keyboard_alone_draws_destroys_and_restores(opened) -> None:
    page = opened()
    page.locator("#pad").focus()
    page.keyboard.press(" ")
    for _ in range(15):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.value"))
        if reached[-1] == "superres":
            page.keyboard.press("ArrowRight")  # to deblur
        if reached[-1] == "severity":
            page.keyboard.press("Home")
            page.keyboard.press("ArrowRight")
        if reached[-1] == "play":
            page.keyboard.press("Enter")
            said(page, "What was left had")
    assert {"undo", "clear", "superres", "severity", "play", "previous", "step", "speed", "inside", "bits", "guess"} <= set(reached)
    assert page.locator("#lost").inner_text().startswith("Blurred 2 times.")
    assert page.locator("#severity").get_attribute("aria-valuetext").startswith("2 of 40. Blurred 2 times.")
    ink = seen(page, "#original")[0, 0]
    assert ink.max() > 0.9 and ink[:, :12].max() == -1  # an upright line


def test_undo_takes_back_a_stroke_and_clear_all(opened) -> None:
    page = opened()
    draw(page, 4)
    both = seen(page, "#original")
    page.locator("#undo").click()
    assert (seen(page, "#original") != both).any() and seen(page, "#original").max() > 0
    page.locator("#clear").click()
    assert seen(page, "#original").max() == -1 and page.locator("#undo").is_disabled()


def test_a_chosen_theme_is_kept(opened) -> None:
    page = opened(color_scheme="light")
    page.locator("#theme").click()
    page.reload()
    page.locator("#algorithm2 .rmse:not(:empty)").wait_for()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_nothing_moves_for_readers_who_want_no_motion(opened) -> None:
    page = opened("task=superres&s=3&digit=2", reduced_motion="reduce")
    page.locator("#play").click()
    said(page, "What was left had")
    assert page.locator("#play").inner_text() == "Play" and page.evaluate("document.getAnimations().length") == 0


def colours(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).float()


def test_picture_and_film_are_files_that_others_can_read(opened, tmp_path) -> None:
    page = opened("task=superres&s=2&photo=0")
    to_the_end(page)
    for button, name in (("Save picture", "cold-diffusion.png"), ("Save film", "cold-diffusion.gif")):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    with Image.open(tmp_path / "cold-diffusion.png") as picture, Image.open(tmp_path / "cold-diffusion.gif") as film:
        assert picture.size == film.size and film.n_frames == 3 and film.info["loop"] == 0
        film.seek(2)
        last, still = (colours(image) for image in (film, picture))
        assert (last - still).abs().mean() < 3  # 256 colours
        film.seek(0)
        assert (colours(film) - last).abs().mean() > 1
    assert page.locator("#step").input_value() == "2"


def test_all_has_a_name_for_screen_readers(opened) -> None:
    page = opened("task=inpaint&s=10&digit=1&inside=1")
    to_the_end(page)
    for canvas in page.locator("main canvas").all():
        label = canvas.get_attribute("aria-label")
        assert label and len(label) > 12 or canvas.evaluate("canvas => canvas.closest('.chip').querySelector('input').ariaLabel.length > 2")
    unnamed = page.evaluate("""[...document.querySelectorAll('button, input, select')].filter(element => !element.hidden
        && !element.ariaLabel && !element.labels?.[0]?.textContent.trim() && !element.textContent.trim()).map(e => e.outerHTML)""")
    assert unnamed == []
    result = r"(All three tie|(Direct|Algorithm [12])( and Algorithm [12] tie| comes nearest))"
    assert re.fullmatch(rf"{result}: error 0\.\d{{3}}\. What was left had 0\.\d{{3}}\.", said(page, "had"))
    assert page.locator("#said").get_attribute("aria-live") == "polite"


def test_it_leads_to_the_first_notebook(opened) -> None:
    page = opened()
    address = page.locator("#notebook").get_attribute("href")
    assert address.endswith("00_start_here.ipynb")
    if not address.startswith("https://github.com/"):
        assert page.request.get(page.url.partition("#")[0] + address).ok


def test_readme_shows_a_film_that_loads_on_a_telephone() -> None:
    path = HOME / "results" / "pictures" / "live.gif"
    assert f"]({path.relative_to(HOME)})" in (HOME / "README.md").read_text()
    with Image.open(path) as film:
        assert film.n_frames > 20 and film.info["loop"] == 0 and path.stat().st_size < 1e6
