from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from colddiff_nb import degradations
from colddiff_nb.notebook import figures as show
from colddiff_nb.notebook import paint
from colddiff_nb.sampling import SAMPLERS, Trajectory


def toy(task="superres", dataset="mnist", size=32, **options):
    """A comparison with a restorer that predicts a softened input."""
    degrade = degradations.make(task, dataset, size=size, **options).draw(1, torch.Generator().manual_seed(1))
    x0 = torch.rand(1, 1 if dataset == "mnist" else 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return show.compare(lambda x, s, start: 0.7 * x + 0.3 * x0, degrade, x0, title="toy, T_a = 3")


@pytest.fixture(scope="module")
def comparison():
    return toy()


def pixels(image):
    return np.asarray(image).astype(int)


def panel(image, column, row):
    left, top = show.COLUMNS[column], show.ROWS[row]
    return pixels(image.crop((left, top, left + 128, top + 128)))


def test_compare_runs_every_sampler_from_the_same_start(comparison):
    assert comparison.steps == 3 and comparison.algorithm1.severities == [3, 2, 1]
    assert torch.equal(comparison.algorithm1.x[0], comparison.algorithm2.x[0])
    assert torch.equal(comparison.algorithm2.x[0][0], comparison.x_T)
    degrade = degradations.make("superres", "mnist")
    for name, sampled in (("direct", comparison.direct), ("algorithm1", comparison.algorithm1.result[0]), ("algorithm2", comparison.algorithm2.result[0])):
        alone = SAMPLERS[name](lambda x, s, start: 0.7 * x + 0.3 * comparison.x0[None], degrade, comparison.x_T[None])
        assert torch.equal(sampled, alone[0])


def test_compare_8bit_rounds_the_measurement(comparison):
    degrade = degradations.make("superres", "mnist")
    rounded = show.compare(lambda x, s, start: x, degrade, comparison.x0[None], measurement_precision="8bit").x_T
    levels = (rounded + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-3
    assert 0 < (rounded - comparison.x_T).abs().max() <= 0.5 / 127.5 + 1e-6


def test_compare_starts_at_a_given_severity_and_skips_steps(comparison):
    degrade = degradations.make("superres", "mnist")
    skipping = show.compare(lambda x, s, start: x, degrade, comparison.x0[None], T=[2, 1])
    assert torch.equal(skipping.x_T, degrade(comparison.x0[None], 2)[0])
    assert show.readout(skipping, 0).startswith("step 0 of 2, s = 2,")


@pytest.mark.parametrize("options, message", [({"measurement_precision": "16bit"}, "'16bit'.*8bit"), ({"x0": torch.zeros(2, 1, 32, 32)}, r"\(2, 1, 32, 32\).*one image")])
def test_compare_refuses(comparison, options, message):
    arguments = {"restore": lambda x, s, start: x, "degrade": degradations.make("superres", "mnist"), "x0": comparison.x0[None]} | options
    with pytest.raises(ValueError, match=message) as error:
        show.compare(**arguments)
    assert "\n" not in str(error.value)


def test_comparison_refuses_trajectories_of_different_length(comparison):
    with pytest.raises(ValueError, match="the same T"):
        replace(comparison, algorithm1=Trajectory(x=comparison.algorithm1.x[1:], severities=[2, 1], x0_hat=comparison.algorithm1.x0_hat[1:]))


@pytest.mark.parametrize("made", [("superres", "mnist"), ("deblur", "mnist", 32), ("inpaint", "cifar10")])
def test_frames_keep_their_size_and_their_frame_of_reference(made):
    comparison = toy(*made)
    first = show.frame(comparison, 0)
    assert first.size == (770, 668) and first.mode == "RGB"
    for k in (1, comparison.steps // 2, comparison.steps):
        assert show.frame(comparison, k).size == first.size
        assert (pixels(show.frame(comparison, k))[124:430, :170] == pixels(first)[124:430, :170]).all()  # target and start


def test_other_image_sizes_and_scales_fill_the_same_plan():
    assert show.frame(toy(size=64), 1, scale=2).size == (770, 668)
    assert show.frame(toy(), 1, scale=8).size == (1540, 1336)


def test_the_same_frame_has_the_same_bytes(comparison):
    once = show.png(show.frame(comparison, 1))
    show._background.cache_clear()
    assert once == show.png(show.frame(toy(), 1)) and once[:4] == b"\x89PNG"
    assert once != show.png(show.frame(comparison, 2))


@pytest.mark.parametrize("k", [-1, 4])
def test_k_outside_the_steps_is_refused(comparison, k):
    for paint_or_say in (show.frame, show.readout, show.describe):
        with pytest.raises(ValueError, match=rf"k = {k} .*0\.\.3") as error:
            paint_or_say(comparison, k)
        assert "\n" not in str(error.value)


def test_panels_show_state_prediction_and_error(comparison):
    image = show.frame(comparison, 1)
    for row, trajectory in enumerate((comparison.algorithm2, comparison.algorithm1)):
        for column, x in ((0, trajectory.x[1]), (1, trajectory.x0_hat[1])):
            expected = ((x[0, 0] + 1) * 127.5).round().clamp(0, 255).int().numpy().repeat(4, 0).repeat(4, 1)
            assert (panel(image, column, row)[..., 0] == expected).all()
    error = ((comparison.algorithm2.x0_hat[1][0, 0].clamp(-1, 1) - comparison.x0[0]).abs() / 2 / comparison.limits[1]).clamp(0, 1)
    assert (panel(image, 3, 0) == paint.CIVIDIS[(error * 255).round().int().numpy()].repeat(4, 0).repeat(4, 1)).all()


def test_a_changed_state_changes_only_its_panel(comparison):
    x = [one.clone() for one in comparison.algorithm1.x]
    x[1][0, 0, 5, 7] += 0.5
    before, after = (show.frame(one, 1) for one in (comparison, replace(comparison, algorithm1=replace(comparison.algorithm1, x=x))))
    differs = (panel(before, 0, 1) != panel(after, 0, 1)).any(-1)
    assert differs[20:24, 28:32].all() and differs.sum() == 16
    assert (panel(before, 0, 0) == panel(after, 0, 0)).all()


def test_the_same_value_has_the_same_colour_in_every_frame(comparison):
    x = [torch.full((1, 1, 32, 32), v) for v in (-0.8, -0.4, 0.0, 0.8)]  # adds .2, .2, .4
    even = Trajectory(x=x, severities=[3, 2, 1], x0_hat=[torch.zeros(1, 1, 32, 32)] * 3)
    comparison = replace(comparison, x0=torch.zeros(1, 32, 32), algorithm2=even, algorithm1=even)
    adds = [panel(show.frame(comparison, k), 2, 0) for k in range(4)]
    assert (adds[0] == adds[1]).all() and (adds[1] != adds[2]).any()
    assert np.abs(adds[3] - 247).max() <= 1  # nothing added: PuOr's middle
    assert adds[2][0, 0, 2] > adds[2][0, 0, 1]  # brighter is purple


def test_stretch_spreads_the_state_and_says_so(comparison):
    x = [torch.full((1, 1, 32, 32), 0.1) for _ in range(4)]
    x[0][..., 16:] = 0.11
    grey = replace(comparison, algorithm2=replace(comparison.algorithm2, x=x), x_T=x[0][0])
    plain, stretched = show.frame(grey, 0), show.frame(grey, 0, stretch=True)
    assert np.ptp(panel(plain, 0, 0)) <= 2
    assert set(panel(stretched, 0, 0).ravel()) == {0, 255}
    assert (panel(plain, 1, 0) == panel(stretched, 1, 0)).all()  # predictions are left alone
    words = (show.COLUMNS[0] + 50, 78, show.COLUMNS[1] - 5, 96)
    assert np.ptp(pixels(plain.crop(words))) == 0 < np.ptp(pixels(stretched.crop(words)))


def test_colour_images_keep_their_colours():
    comparison = toy(dataset="cifar10")
    shown = panel(show.frame(comparison, 3), 0, 0)[::4, ::4]
    assert (shown == ((comparison.algorithm2.x[3][0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).int().numpy()).all()


def test_readout_says_what_algorithm_2_has_if_it_stops_here(comparison):
    def rmse(x):
        return float(((x.clamp(-1, 1) - comparison.x0) / 2).square().mean().sqrt())

    direct = rmse(comparison.direct)
    assert show.readout(comparison, 0) == f"step 0 of 3, s = 3, RMSE {direct:.3f} (direct {direct:.3f})"
    assert show.readout(comparison, 2) == f"step 2 of 3, s = 1, RMSE {rmse(comparison.algorithm2.x0_hat[2]):.3f} (direct {direct:.3f})"
    assert show.readout(comparison, 3) == f"step 3 of 3, s = 0, RMSE {rmse(comparison.algorithm2.result):.3f} (direct {direct:.3f})"


def test_describe_names_the_title_and_the_numbers(comparison):
    sentence = show.describe(comparison, 1)
    assert sentence.startswith("toy, T_a = 3 after 1 of 3 steps, severity 2")
    for value in (comparison.rmse["algorithm2 state"][1], comparison.rmse["algorithm1 prediction"][1], comparison.rmse["direct"][0]):
        assert f"{value:.3f}" in sentence


def test_a_long_title_is_not_cut(comparison):
    image = pixels(show.frame(replace(comparison, title="A very long title, " * 6), 0))
    assert (image[:45, 752:] == 255).all() and (image[:45, 700:748] < 100).any()


def test_the_font_has_every_letter_that_is_painted(comparison, monkeypatch):
    written = []
    monkeypatch.setattr(paint.ImageDraw.ImageDraw, "text", lambda self, xy, text, *_, **__: written.append(text))
    show._background.cache_clear()
    for k in (0, 3):
        show.frame(comparison, k, stretch=True)
    show._background.cache_clear()
    missing = bytes(paint.font(40).getmask("\uffff"))
    assert len(written) > 30
    assert [letter for letter in set("".join(written)) if bytes(paint.font(40).getmask(letter)) == missing] == []


def test_gif_has_a_frame_for_every_state(comparison, tmp_path):
    with Image.open(show.gif(comparison, tmp_path / "toy.gif")) as image:
        assert image.n_frames == 4 and image.size == (770, 668) and image.info["loop"] == 0
        assert image.convert("RGB").getpixel((2, 2)) == pytest.approx((255, 255, 255), abs=2)
        image.seek(2)
        off = [np.abs(pixels(image.convert("RGB")) - pixels(show.frame(comparison, k))).mean() for k in range(4)]
        assert off[2] == min(off) and off[2] < 2


def test_strip_stands_without_a_kernel(comparison):
    assert show.strip(comparison).size[0] > show.strip(comparison, [0, 3]).size[0]
    with pytest.raises(ValueError, match="k = 9"):
        show.strip(comparison, [9])


def test_grid_places_every_picture():
    white, black = torch.ones(2, 1, 8, 8), -torch.ones(2, 3, 8, 8)
    image = pixels(show.grid({"dark": black[:, :1], "light": white}, scale=10))
    assert image.shape[:2] == (36 + 2 * 92 + 4, 16 + 2 * 92 + 4)
    assert (image[36:116, 16:96] == 0).all() and (image[128:208, 108:188] == 255).all()
    assert (image[5:30, 16:96] < 128).any() and (image[5:30, 108:188] < 128).any()  # labels
    wider = show.grid({"dark": black, "light": black}, scale=10, rows=["first", "second"], title="A table")
    assert wider.size[0] > image.shape[1] and wider.size[1] == image.shape[0] + 40


@pytest.mark.parametrize("columns, rows", [({}, []), ({"a": torch.zeros(2, 1, 8, 8), "b": torch.zeros(3, 1, 8, 8)}, []), ({"a": torch.zeros(2, 1, 8, 8)}, ["one"])])
def test_grid_refuses_what_is_no_table(columns, rows):
    with pytest.raises(ValueError, match="row labels: give columns of one"):
        show.grid(columns, rows=rows)


def test_curves_from_rows_and_from_a_file(tmp_path):
    rows = [{"step": step, "loss": 1 / (step + 1), "rmse": 0.1 if step % 5 == 0 else None, "note": "x"} for step in range(20)]
    path = tmp_path / "curve.csv"
    path.write_text("step,loss,rmse,note\n" + "".join(f"{r['step']},{r['loss']},{r['rmse'] or ''},x\n" for r in rows))
    for source in (rows, path):
        axes = show.curves(source).axes
        assert [one.get_ylabel() for one in axes] == ["loss", "rmse"]
        assert [len(one.lines[0].get_xdata()) for one in axes] == [20, 4]
    assert len(show.curves(path, ["loss"]).axes) == 1
    with pytest.raises(ValueError, match="no column fid; they have: step, loss"):
        show.curves(path, ["fid"])
    with pytest.raises(FileNotFoundError):
        show.curves(tmp_path / "none.csv")


def test_colour_tables_agree_with_their_published_forms():
    matplotlib = pytest.importorskip("matplotlib")
    for table, name in ((paint.CIVIDIS, "cividis"), (paint.PUOR, "PuOr")):
        assert np.abs(table - matplotlib.colormaps[name](range(256))[:, :3] * 255).max() < 8


def test_neither_network_nor_matplotlib_is_called_to_paint(comparison, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    monkeypatch.setattr(torch.nn.Module, "__call__", None)
    show._background.cache_clear()
    for k in range(4):
        show.png(show.frame(comparison, k))
