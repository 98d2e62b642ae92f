"""The pages of results/ are a fresh build of the files beside them, and their verdicts hold."""
import json
import shutil
from pathlib import Path

from colddiff_nb.weights import shipped_models
from studies import fid, goals, models, overview, paper, report, samplers
from studies.published import Published
from studies.tables import number

HOME = Path(__file__).resolve().parents[2]


def test_the_pages_are_a_fresh_build():
    for page, text in report.build().items():
        assert (HOME / "results" / page).read_text() == text, f"{page}: build it: make results"


def test_it_can_be_built_before_anything_is_scored(tmp_path):
    for name in ("paper.json", "report"):
        source = HOME / "results" / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    pages = report.build(tmp_path)
    cards = {f"{name}/README.md" for name in shipped_models()}
    assert set(pages) == {"README.md", "details.md", "speed.md"} | cards and not any("{{" in text for text in pages.values())
    assert "not run" in pages["README.md"]


def test_validation_rows_are_marked_and_give_way_to_test_rows(tmp_path):
    def cell(split, n, rmse):
        return {"task": "superres", "data": "mnist", "split": split, "variant": "T = 3", "method": "direct", "measurement_precision": "float32", "n": n,
                "rmse": rmse, "rmse_interval": [rmse - 0.001, rmse + 0.001], "ssim": 0.9, "ssim_interval": [0.8, 1.0], "fid": "not run: x",
                "gain": 2.0, "provenance": {"weights": "w"}}

    shutil.copy(HOME / "results" / "paper.json", tmp_path)
    folder = tmp_path / "superres-mnist"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"cells": [cell("validation", 1000, 0.111)]}))
    marked = paper.paper(Published(tmp_path))
    assert "| direct | RMSE | 0.114 | 0.1110 ± 0.0010 (validation, 1,000) | better | not run | – | 1.71% | validation, 1,000 |" in marked
    (folder / "metrics.json").write_text(json.dumps({"cells": [cell("validation", 1000, 0.111), cell("test", 10_000, 0.122)]}))
    table = paper.paper(Published(tmp_path))
    assert "| Super-resolution, MNIST, T = 3 | float32 | RMSE | 0.110 | 0.1220 | worse | – |" in goals.goals(Published(tmp_path))
    (folder / "curve.csv").write_text("images,loss,rmse_direct\n192000,0.5,0.4\n384000,0.5,0.3\n768000,0.4,0.27\n")
    assert "| 0.1220 | worse | -10.0 % |" in goals.goals(Published(tmp_path)), "by the last stage"
    (tmp_path / "curves").mkdir()
    rows = [{"images": 384_000, "rmse_direct": 0.2}, {"images": 768_000, "rmse_direct": 0.19}]
    (tmp_path / "curves" / "superres-mnist.json").write_text(json.dumps({"rows": rows}))
    assert "| 0.1220 | worse | -5.0 % |" in goals.goals(Published(tmp_path))
    assert "| direct | RMSE | 0.114 | 0.1220 ± 0.0010 | worse | not run | – | 1.71% | test, 10,000 |" in table and "validation" not in table
    assert "0.1110 ± 0.0010 | 0.9000 ± 0.1000 |" in overview.rows(Published(tmp_path)).split("Other images")[1]


def test_sampler_tables_compare_with_algorithm_2_and_take_the_model_made_for_8_bits(tmp_path):
    def cell(method, precision, rmse, **others):
        return {"variant": "T = 3", "method": method, "measurement_precision": precision, "split": "validation", "n": 50, "rmse": rmse, "ssim": 0.9 - rmse} | others

    for name, cells in {"deblur-mnist": [cell("direct", "float32", 0.11, frechet=9.0), cell("algorithm2", "float32", 0.10, frechet=10.0),
                                         cell("direct", "8bit", 0.3)],
                        "deblur-mnist-8bit": [cell("direct", "8bit", 0.15), cell("algorithm2", "8bit", 0.2)]}.items():
        (tmp_path / "samplers" / name).mkdir(parents=True)
        (tmp_path / "samplers" / name / "metrics.json").write_text(json.dumps({"cells": cells}))
    published = Published(tmp_path)
    text = samplers.sampler_tables(published)
    assert "### Deblurring, MNIST, T = 3" in text and "0.3000" not in text
    assert "| direct | 0.1100 (+10.0 %) | 0.7900 | **9.0** | **0.1500 (-25.0 %)** | **0.7500** | not run |" in text
    assert "| Algorithm 2 (the paper's) | **0.1000** | **0.8000** | 10.0 | 0.2000 | 0.7000 | not run |" in text
    assert samplers.sampler_images(published) == "50 validation images"
    near = samplers.sampler_goals(published)
    assert "| Deblurring, MNIST, T = 3 | float32 | Algorithm 2 (the paper's) | Algorithm 2 (the paper's) | direct |" in near
    assert "| Deblurring, MNIST, T = 3 | 8 bits | direct | direct | not run |" in near
    (tmp_path / "samplers" / "deblur-mnist" / "metrics.json").unlink()
    assert "| Deblurring, MNIST, T = 3 | float32 | not run | not run | not run |" in samplers.sampler_goals(Published(tmp_path))


def full_cell(method, frechet=9.0, fid="not run: x", **provenance):
    return {"task": "superres", "data": "mnist", "split": "test", "variant": "T = 3", "method": method, "measurement_precision": "float32", "n": 10_000,
            "rmse": 0.1, "ssim": 0.9, "fid": fid, "frechet": frechet, "class_accuracy": 0.5, "gain": 2.0, "provenance": provenance,
            "resize": "half-pixel bilinear"}


def publish(tmp_path, cells):
    shutil.copy(HOME / "results" / "paper.json", tmp_path)
    for folder, content in (("classifier-mnist/record.json", {"name": "shipped"}), ("superres-mnist/metrics.json", {"cells": cells})):
        (tmp_path / folder).parent.mkdir()
        (tmp_path / folder).write_text(json.dumps(content))


def test_scores_of_another_classifier_are_not_shown(tmp_path):
    publish(tmp_path, [full_cell(*one, classifier="shipped") for one in (("direct", 9.0), ("algorithm1", 8.0), ("algorithm2", 8.01))])
    best = paper.best(Published(tmp_path))
    assert "| Super-resolution, MNIST | Frechet | 9.0 | **8.0** | **8.0** | better | – |" in best
    (tmp_path / "classifier-mnist" / "record.json").write_text(json.dumps({"name": "another"}))
    assert Published(tmp_path).rows[0].number("frechet") is None and "9.0" not in overview.rows(Published(tmp_path))


def test_fid_says_its_precision_and_needs_only_the_papers_two_methods(tmp_path):
    exact, fast = "inception-2015, half-pixel bilinear", "inception-2015, half-pixel bilinear, bfloat16"
    publish(tmp_path, [full_cell("direct", fid=20.25, inception=fast), full_cell("direct", fid=20.5, inception=exact),
                       full_cell("algorithm2", fid=18.0, inception=fast)])
    published = Published(tmp_path)
    assert "| Super-resolution, MNIST, T = 3 | direct | test, 10,000 | 20.500 | 20.250 | -1.2 % |" in fid.fid_precision(published)
    line = "| Super-resolution, MNIST | FID | 20.25 | not run | **18.00** | better | worse |"
    assert line in paper.best(published), "both by the same Inception"
    tables = paper.paper(published)
    assert "half-pixel bilinear, rounded to 8 bits |" in tables and "half-pixel bilinear, rounded to 8 bits, bfloat16 |" in tables


def test_degraded_images_from_8_bits_have_the_fid_of_rounded_ones(tmp_path):
    exact, rounded = "inception-2015, half-pixel bilinear, unrounded", "inception-2015, half-pixel bilinear"
    eight = full_cell("degraded") | {"measurement_precision": "8bit"}
    fids = [full_cell("degraded", fid=371.0, inception=f"{rounded}, bfloat16"), full_cell("degraded", fid=370.0, inception=exact),
            full_cell("degraded", fid=320.0, inception=rounded) | {"fid_interval": [319.0, 321.0]}]
    publish(tmp_path, [eight, *fids])
    found = Published(tmp_path).best("superres-mnist", "degraded", "8bit", metric="fid")
    assert found.cell["fid_interval"] == [319.0, 321.0] and number(found, "fid", 2, True) == "320.00 ± 1.00"
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [eight | {"n": 100}, *fids]}))
    assert Published(tmp_path).best("superres-mnist", "degraded", "8bit", metric="fid") is None, "of other images"
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [eight | {"fid": 7.0}, *fids]}))
    assert Published(tmp_path).best("superres-mnist", "degraded", "8bit", metric="fid").cell["fid"] == 7.0


def test_images_as_they_are_are_nearer_to_the_papers_fid_than_rounded_ones(tmp_path):
    exact, rounded = "inception-2015, half-pixel bilinear, unrounded", "inception-2015, half-pixel bilinear"
    publish(tmp_path, [full_cell("degraded", fid=370.0, inception=exact), full_cell("degraded", fid=320.0, inception=rounded)])
    gaps = fid.fid_protocol_gaps(Published(tmp_path))
    assert "| Super-resolution, MNIST, T = 3 | 368.56 | 370.00 | +0.4 % | 320.00 | -13.2 % |" in gaps
    assert "| degraded | FID | 368.56 | 370.00 | – | not run | – | none needed | test, 10,000, half-pixel bilinear |" in paper.paper(
        Published(tmp_path))


def test_of_two_fids_in_bfloat16_a_per_cent_apart_neither_is_better(tmp_path):
    fast = "inception-2015, half-pixel bilinear, bfloat16"
    publish(tmp_path, [full_cell("direct", fid=4.22, inception=fast), full_cell("algorithm2", fid=4.2, inception=fast)])
    line = "| Super-resolution, MNIST | FID | **4.22** | not run | **4.20** | tie | worse |"
    assert line in paper.best(Published(tmp_path))
    assert "| direct | FID | 4.05 | 4.22 | worse |" in paper.paper(Published(tmp_path))


def test_an_fid_no_further_from_the_papers_than_that_of_degraded_images_is_a_tie(tmp_path):
    exact = "inception-2015, half-pixel bilinear, unrounded"
    publish(tmp_path, [full_cell("degraded", fid=387.0, inception=exact), full_cell("direct", fid=4.22, inception=exact)])
    table = paper.paper(Published(tmp_path))
    assert "| direct | FID | 4.05 | 4.22 | tie | not run | – |" in table and fid.fid_tie(Published(tmp_path)) == "6.0 %", "5 % off 368.56, and bfloat16's"
    assert "| Super-resolution, MNIST, T = 3 | 368.56 | 387.00 | +5.0 % | not run | – |" in fid.fid_protocol_gaps(Published(tmp_path))
    names = ("inception-2015, half-pixel bilinear, unrounded, bfloat16", "inception-2015, half-pixel bilinear, bfloat16")
    rows = [{"pair": "superres-mnist", "variant": "T = 3", "method": "direct", "inception": name, "fid": fid} for name, fid in zip(names, (30.0, 30.211))]
    (tmp_path / "fid.json").write_text(json.dumps({"n": 100, "rows": rows}))
    assert fid.fid_tie(Published(tmp_path)) == "11.0 %", "rounding changed it by 5 % of 4.22"
    assert "| Super-resolution, MNIST, T = 3 | direct | 30.00 | +0.21 | +5.0 % |" in fid.fid_rounding(Published(tmp_path))


def test_the_network_beside_least_squares_in_fid(tmp_path):
    linear = full_cell("lmmse", fid=146.0, inception="inception-2015, half-pixel bilinear, bfloat16")
    publish(tmp_path, [linear])
    assert overview.glance_fid(Published(tmp_path)) == "In FID, LMMSE / direct, from float32: not run."
    direct = full_cell("direct", fid=20.0, inception="inception-2015, half-pixel bilinear")
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [linear, direct]}))
    assert overview.glance_fid(Published(tmp_path)) == "In FID, LMMSE / direct, from float32: Super-resolution, MNIST 146.00 / 20.00."
    eight = [linear | {"fid": 4.0}, linear | {"fid": 9.0, "measurement_precision": "8bit"}]
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": eight}))
    ahead = "Super-resolution, MNIST **only from float32** (from 8 bits 9.00; the paper 4.05)."
    assert overview.glance_fid(Published(tmp_path)).endswith(ahead)


def test_margins_of_fid_come_from_rows_in_both_precisions_and_from_intervals(tmp_path):
    fast = "inception-2015, half-pixel bilinear, bfloat16"
    both = [full_cell("direct", fid=20.0, inception=fast.removesuffix(", bfloat16")), full_cell("direct", fid=19.0, inception=fast)]
    both[1]["fid_interval"] = [18.43, 19.57]
    publish(tmp_path, both)
    published = Published(tmp_path)
    assert (fid.fid_bfloat16(published), fid.fid_intervals(published)) == ("5.0 %", "3.0 to 3.0 % of it")
    assert fid.fid_tie(published) == "8.0 %"


def test_the_stage_before_the_last_stands_beside_the_same_images_and_the_same_fid(tmp_path):
    rounded, exact = "inception-2015, half-pixel bilinear", "inception-2015, half-pixel bilinear, unrounded"
    publish(tmp_path, [full_cell("direct", fid=20.0, inception=rounded), full_cell("direct", fid=21.0, inception=exact)])
    (tmp_path / "earlier").mkdir()
    before = [full_cell("direct", fid=30.0, inception=rounded) | {"rmse": 0.2}, full_cell("direct") | {"rmse": 0.3, "n": 1_000}]
    (tmp_path / "earlier/superres-mnist.json").write_text(json.dumps({"stages": [], "cells": before}))
    table = models.last_stage(Published(tmp_path))
    assert "| Super-resolution, MNIST, T = 3 | float32 | direct | 0.2000 → 0.1000 | 0.9000 → 0.9000 | 30.00 → 20.00 |" in table
    assert "| Super-resolution, MNIST, T = 3 | float32 | direct | – | – | – |" in table


def test_algorithm_1_by_another_precision_stands_beside_the_others(tmp_path):
    exact, fast = "inception-2015, half-pixel bilinear", "inception-2015, half-pixel bilinear, bfloat16"
    for naive, shown in ((9.93, "**9.93** | **10.00**"), (9.8, "**9.80** | 10.00"), (10.05, "**10.05** | **10.00**"), (10.2, "10.20 | **10.00**")):
        shutil.rmtree(tmp_path, ignore_errors=True)
        tmp_path.mkdir()
        publish(tmp_path, [full_cell("direct", fid=12.0, inception=exact), full_cell("algorithm2", fid=10.0, inception=exact),
                           full_cell("algorithm1", fid=naive, inception=fast)])
        line = f"| Super-resolution, MNIST | FID | 12.00 | {shown} | better | worse |"
        assert line in paper.best(Published(tmp_path)), "within 1 %, which bfloat16 may change, they tie"


def test_verdicts_know_ties_and_stand_beside_both_precisions(tmp_path):
    def scored(method, rmse, precision="float32"):  # the paper has 0.114 and 0.115
        return full_cell(method) | {"rmse": rmse, "rmse_interval": [rmse - 0.001, rmse + 0.001], "measurement_precision": precision}

    publish(tmp_path, [scored("direct", 0.111), scored("direct", 0.1135, "8bit"), scored("algorithm2", 0.1185)])
    table = paper.paper(Published(tmp_path))
    assert "| direct | RMSE | 0.114 | 0.1110 ± 0.0010 | better | 0.1135 ± 0.0010 | tie |" in table
    assert "| Algorithm 2 | RMSE | 0.115 | 0.1185 ± 0.0010 | worse | not run | – |" in table
    summary = paper.summary(Published(tmp_path))
    assert "| 1.71% | **0.111**, 0.114 / 0.114 | 0.118, not run / 0.115 |" in summary
    few = scored("direct", 0.111) | {"n": 300}
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": [few]}))
    assert "| **0.111 (test, 300)**, not run / 0.114 |" in paper.summary(Published(tmp_path))


def test_tables_are_narrow_and_say_nothing_of_this_machine():
    text = (HOME / "results" / "README.md").read_text()
    assert max(line.count(" | ") for line in text.splitlines() if line.startswith("|")) <= 8
    assert not [word for word in ("/tmp", "/work", "/home", "http://", "nan", "None") if word in text]
