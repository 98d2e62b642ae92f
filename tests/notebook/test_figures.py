"""Figures: what stands where, the same colours in every frame, and refusals of what cannot be shown."""
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from colddiff_nb import degradations
from colddiff_nb.notebook import figures
from colddiff_nb.notebook.comparison import compare, describe, readout
from colddiff_nb.notebook.figures import frame, strip
from colddiff_nb.notebook.pictures import grid, png, save_gif
from colddiff_nb.sampling import SAMPLERS, Trajectory


def toy(task="superres", dataset="mnist", size=32, **options):
    """A comparison with a restorer that predicts a softened input."""
    degrade = degradations.make(task, dataset, size=size, **options).draw(1, torch.Generator().manual_seed(1))
    x0 = torch.rand(1, 1 if dataset == "mnist" else 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return compare(lambda x, s, start: 0.7 * x + 0.3 * x0, degrade, x0, title="toy, T_a = 3")


@pytest.fixture(scope="module")
def comparison():
    return toy()


GIVEN, STATE, PREDICTION, ADDS, ERROR = range(5)  # the columns of a frame


def pixels(image):
    return np.asarray(image).astype(int)


def squares(x):
    """Show an image (C, H, W) as a panel does: 3 x 3 pixels for one, (3 H, 3 W, 3)."""
    levels = ((x + 1) * 127.5).round().clamp(0, 255).int().expand(3, -1, -1)
    return levels.permute(1, 2, 0).numpy().repeat(3, 0).repeat(3, 1)


def panel(image, column, row):
    """Crop a panel of a frame, whose points are 1.5 pixels."""
    lefts = [figures.LEFT, *(left for left, _ in figures.COLUMNS.values())]
    left, top = round(1.5 * lefts[column]), round(1.5 * figures.ROWS[row])
    return pixels(image.crop((left, top, left + 96, top + 96)))


def test_compare_runs_every_sampler_from_the_same_start(comparison):
    assert comparison.steps == 3 and comparison.algorithm1.severities == [3, 2, 1]
    assert torch.equal(comparison.algorithm1.x[0], comparison.algorithm2.x[0])
    assert torch.equal(comparison.algorithm2.x[0][0], comparison.x_T)
    degrade = degradations.make("superres", "mnist")
    for name, sampled in (("direct", comparison.direct), ("algorithm1", comparison.algorithm1.result[0]), ("algorithm2", comparison.algorithm2.result[0])):
        alone = SAMPLERS[name](lambda x, s, start: 0.7 * x + 0.3 * comparison.x0[None], degrade, comparison.x_T[None])
        assert torch.equal(sampled, alone[0])


@pytest.mark.parametrize("made", [("superres", "mnist"), ("deblur", "mnist", 32), ("inpaint", "cifar10")])
def test_a_step_changes_neither_the_size_nor_what_is_given(made):
    comparison = toy(*made)
    first = frame(comparison, 0)
    for k in (1, comparison.steps // 2, comparison.steps):
        other = frame(comparison, k)
        assert other.size == first.size and other.mode == "RGB"
        assert all((panel(other, GIVEN, row) == panel(first, GIVEN, row)).all() for row in (0, 1))


def test_a_frame_of_a_larger_image_is_about_as_large():
    assert 1 < frame(toy(size=64), 1).width / frame(toy(), 1).width < 1.5


def test_numbers_stand_where_the_last_frame_had_others(comparison):
    """What a step draws leaves nothing behind for the next."""
    fresh = [pixels(frame(toy(), k)) for k in range(4)]
    assert all((pixels(frame(comparison, k)) == fresh[k]).all() for k in (3, 0, 2, 1))


def test_a_long_title_keeps_its_end(comparison):
    short, long = (pixels(frame(replace(comparison, title=title), 0)) for title in ("Short", "A very long title, " * 6))
    changed = np.nonzero((short != long).any((0, 2)))[0]  # columns
    assert 0.8 * short.shape[1] < changed.max() < short.shape[1] - 1


def test_titles_and_folders_with_signs_of_formulas_are_shown_as_they_are(comparison):
    strange = r"folder:a_b $x^ \frac$ {50 %}"
    frame(replace(comparison, title=strange), 0)
    strip(replace(comparison, title=strange))


def test_the_same_frame_has_the_same_bytes(comparison):
    once = png(frame(comparison, 1))
    figures._painter.cache_clear()
    assert once == png(frame(toy(), 1)) and once[:4] == b"\x89PNG"
    assert once != png(frame(comparison, 2))


def test_panels_show_state_prediction_and_error(comparison):
    image = frame(comparison, 1)
    for row, given in enumerate((comparison.x0, comparison.x_T)):  # within their borders
        assert (panel(image, GIVEN, row) == squares(given))[2:-2, 2:-2].all()
    for row, trajectory in enumerate((comparison.algorithm2, comparison.algorithm1)):
        assert (panel(image, STATE, row) == squares(trajectory.x[1][0])).all()
        assert (panel(image, PREDICTION, row) == squares(trajectory.x0_hat[1][0])).all()
    error = (comparison.algorithm2.x0_hat[1][0, 0].clamp(-1, 1) - comparison.x0[0]).abs() / 2
    shades = panel(image, ERROR, 0)[1::3, 1::3].sum(-1)  # cividis grows brighter
    order = error.flatten().argsort()
    assert (np.diff(shades.ravel()[order]) > -6).all() and np.ptp(shades) > 300


def test_a_changed_state_changes_only_its_panel(comparison):
    x = [one.clone() for one in comparison.algorithm1.x]
    x[1][0, 0, 5, 7] += 0.5
    before, after = (frame(one, 1) for one in (comparison, replace(comparison, algorithm1=replace(comparison.algorithm1, x=x))))
    differs = (panel(before, STATE, 1) != panel(after, STATE, 1)).any(-1)
    assert differs[15:18, 21:24].all() and differs.sum() == 9
    assert (panel(before, STATE, 0) == panel(after, STATE, 0)).all()


def test_the_same_value_has_the_same_colour_in_every_frame(comparison):
    x = [torch.full((1, 1, 32, 32), v) for v in (-0.8, -0.4, 0.0, 0.8)]  # adds .2, .2, .4
    even = Trajectory(x=x, severities=[3, 2, 1], x0_hat=[torch.zeros(1, 1, 32, 32)] * 3)
    comparison = replace(comparison, x0=torch.zeros(1, 32, 32), algorithm2=even, algorithm1=even)
    adds = [panel(frame(comparison, k), ADDS, 0) for k in range(4)]
    assert (adds[0] == adds[1]).all() and (adds[1] != adds[2]).any()
    assert np.abs(adds[3] - 247).max() <= 1  # nothing added: PuOr's middle
    assert adds[2][0, 0, 2] > adds[2][0, 0, 1]  # brighter is purple


def test_stretch_spreads_the_state_and_says_so(comparison):
    x = [torch.full((1, 1, 32, 32), 0.1) for _ in range(4)]
    x[0][..., 16:] = 0.11
    grey = replace(comparison, algorithm2=replace(comparison.algorithm2, x=x), x_T=x[0][0])
    plain, stretched = frame(grey, 0), frame(grey, 0, stretch=True)
    assert np.ptp(panel(plain, STATE, 0)) <= 2
    assert set(panel(stretched, STATE, 0).ravel()) == {0, 255}
    assert (panel(plain, PREDICTION, 0) == panel(stretched, PREDICTION, 0)).all()  # predictions are left alone
    words = (pixels(plain) != pixels(stretched)).any(-1)
    for top in figures.ROWS:
        words[round(1.5 * top):round(1.5 * top) + 96] = False
    assert words.any()


def test_colour_images_keep_their_colours():
    comparison = toy(dataset="cifar10")
    shown = panel(frame(comparison, 3), STATE, 0)[1::3, 1::3]
    assert (shown == ((comparison.algorithm2.x[3][0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).int().numpy()).all()


def test_readout_says_what_algorithm_2_has_if_it_stops_here(comparison):
    def rmse(x):
        return float(((x.clamp(-1, 1) - comparison.x0) / 2).square().mean().sqrt())

    direct = rmse(comparison.direct)
    assert readout(comparison, 0) == f"step 0 of 3, s = 3, RMSE {direct:.3f} (direct {direct:.3f})"
    assert readout(comparison, 2) == f"step 2 of 3, s = 1, RMSE {rmse(comparison.algorithm2.x0_hat[2]):.3f} (direct {direct:.3f})"
    assert readout(comparison, 3) == f"step 3 of 3, s = 0, RMSE {rmse(comparison.algorithm2.result):.3f} (direct {direct:.3f})"


def test_describe_names_the_title_and_the_numbers(comparison):
    sentence = describe(comparison, 1)
    assert sentence.startswith("toy, T_a = 3 after 1 of 3 steps, severity 2")
    for value in (comparison.rmse["algorithm2 state"][1], comparison.rmse["algorithm1 prediction"][1], comparison.rmse["direct"][0]):
        assert f"{value:.3f}" in sentence


def test_gif_has_a_frame_for_every_state(comparison, tmp_path):
    with Image.open(save_gif([frame(comparison, k) for k in range(4)], tmp_path / "toy.gif")) as image:
        assert image.n_frames == 4 and image.size == frame(comparison, 0).size and image.info["loop"] == 0
        for k in range(4):
            image.seek(k)
            shown = pixels(image.convert("RGB"))
            off = [np.abs(shown - pixels(frame(comparison, other))).mean() for other in range(4)]
            assert off[k] == min(off) and off[k] < 3


def test_strip_stands_without_a_kernel(comparison):
    assert strip(toy(task="inpaint")).width > strip(comparison).width  # more than its four states


def test_grid_shows_every_picture_in_its_row_and_column():
    levels = torch.tensor([[-1.0, -0.6], [-0.2, 0.2], [0.6, 0.9]])  # (columns, rows): all different
    columns = {f"$x_{i}$": level.view(2, 1, 1, 1).expand(2, 1, 8, 8) for i, level in enumerate(levels)}
    for names in ({}, {"rows": ["first", "second"], "title": "A table"}):
        image = pixels(grid(columns, scale=10, **names))[..., 0]
        centres = []
        for level in ((levels + 1) * 127.5).round().int().flatten().tolist():
            y, x = np.nonzero(image == level)
            inside = (slice(int(np.median(y)) - 35, int(np.median(y)) + 35), slice(int(np.median(x)) - 35, int(np.median(x)) + 35))
            assert (image[inside] == level).all()
            centres.append((np.median(x), np.median(y)))
        x, y = np.array(centres).T.reshape(2, 3, 2)
        assert (np.ptp(x, axis=1) <= 1).all() and (np.diff(x[:, 0]) > 80).all()
        assert (np.ptp(y, axis=0) <= 1).all() and (np.diff(y, axis=1) > 80).all()


def test_grid_has_room_for_its_labels():
    black = {"a": -torch.ones(2, 3, 8, 8), "b": -torch.ones(2, 3, 8, 8)}
    plain, titled = grid(black), grid(black, rows=["a rather long label", ""], title="A table with a title that is long")
    assert titled.width > plain.width and titled.height > plain.height
    wide = grid({"a label wider than its pictures": black["a"], "b": black["b"]})
    assert wide.width > plain.width and wide.height == plain.height
    for image in (plain, titled, wide):
        edges = pixels(image)
        assert all((edge == 255).all() for edge in (edges[0], edges[-1], edges[:, 0], edges[:, -1]))


def test_grid_refuses_columns_of_different_length():
    with pytest.raises(RuntimeError, match=r"equal size, but got \[2, .* and \[3, "):
        grid({"a": torch.zeros(2, 1, 8, 8), "b": torch.zeros(3, 1, 8, 8)})


def test_frames_of_several_sizes_become_one_film(tmp_path):
    path = save_gif([Image.new("RGB", size, "navy") for size in ((40, 30), (50, 20))], tmp_path / "film.gif")
    with Image.open(path) as film:
        assert film.size == (50, 30) and film.n_frames == 2
        assert film.convert("RGB").getpixel((45, 5)) == (255, 255, 255)
        film.seek(1)
        assert film.convert("RGB").getpixel((5, 25)) == (255, 255, 255) and film.convert("RGB").getpixel((45, 5)) == (0, 0, 128)
