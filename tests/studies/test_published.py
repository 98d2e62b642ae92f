"""The pages of results/ are a fresh build of the files beside them, and their verdicts hold."""
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from studies import fid, paper, plane, report, samplers
from studies.paper import against_paper
from studies.published import BOTH, OURS, PAIRS, SIGNS, Published, half, papers_precision

HOME = Path(__file__).resolve().parents[2]
RESULTS = Published(HOME / "results")
EXACT, ROUNDED = "inception-2015, half-pixel bilinear, unrounded", "inception-2015, half-pixel bilinear"
FAST = f"{ROUNDED}, bfloat16"


def test_the_pages_are_a_fresh_build():
    for page, text in report.build().items():
        assert (HOME / "results" / page).read_text() == text, f"{page}: build it: make results"


def test_it_can_be_built_before_anything_is_scored(tmp_path):
    for name in ("paper.json", "report"):
        source = HOME / "results" / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    pages = report.build(tmp_path)
    assert {"README.md", "details.md", "speed.md"} <= set(pages) and not any("{{" in text for text in pages.values())
    assert "not run" in pages["README.md"] and "Not run yet: `python -m studies run growth`." in pages["details.md"]


def test_what_the_pages_say_in_words_is_so():
    """Sentences that are typed, not built: they stand on records that are final."""
    models = RESULTS.models.values()
    stages = [stage["recipe"] for model in models for stage in model["stages"]]
    assert {f"{stage.rollout:.0%}" for stage in stages} == {"25%", "50%"}
    assert sorted({stage.learning_rate for stage in stages}) == [0.0005, 0.0007, 0.001, 0.0015]
    assert {pair for pair in PAIRS if any(stage["recipe"].ssim for stage in RESULTS.models[pair]["stages"])} == {"superres-mnist", "superres-cifar10"}
    assert {f"{model['parameters'] / 1e6:.2f}" for model in models} == {"1.01", "1.02", "4.02"}
    moved = [abs(after - before) for row in RESULTS.read("refit.json")["rows"] for before, after in [row["rmse"]]]
    assert round(max(moved), 4) == 0.0005
    assert RESULTS.paper["pairs"]["superres-cifar10"]["direct"]["RMSE"] == 0.152 and "(0.152, sampled 0.155)" in report.build()["details.md"]
    for row in RESULTS.find(kind="RMSE") + RESULTS.find(kind="realism"):
        if row["pair"] not in PAIRS:
            continue
        shipped = RESULTS.read(f"classifier-{row['data']}/record.json")["name"]
        assert row["provenance"].get("classifier") in (None, shipped), "class accuracy and Frechet are of one classifier"
    for pair in ("superres-cifar10", "inpaint-cifar10"):
        for method in BOTH:
            sharp = RESULTS.best(pair, method, "8bit", metric="fid", kind="realism")
            assert sharp["fid"] < RESULTS.printed(pair, method)["FID"], "with a critic they are ahead of the paper, by both methods"
    wide = RESULTS.read("earlier/superres-mnist-realism.json")["stages"][1]["training"]["curve"]
    assert [round(row["fid_direct"]) for row in wide] == [62, 22, 20, 52, 18, 16, 12], "a new critic upsets the network"
    tried = {(row["pair"], row["training"]): row for row in RESULTS.read("further.json")["rows"]}
    penalty = tried["superres-mnist", "that, further with weight 0.3 and penalty 0.3"]
    for row in (tried[pair, "L1, many more images"] for pair in ("superres-mnist", "superres-cifar10")):
        for key, sign in {"rmse": -1, "ssim": 1, "fid": -1, "frechet": -1}.items():
            better = sign * row["scores"][f"{key}_direct"] > sign * row["shipped"][f"{key}_direct"]
            assert better == (key in ("fid", "frechet")), "more images by L1 harm, but for FID and the Frechet distance"
    assert [round(max(row["fid_direct"] for row in penalty["curve"])), penalty["images_seen"]] == [194, 6_848 * 256]
    calm = tried["superres-mnist", "wide, four times longer, without rollouts"]
    assert [[round(calm[of][f"fid_{method}"], 1) for of in ("shipped", "scores")] for method in BOTH] == [[11.9, 9.8], [13.4, 8.7]]
    assert [[round(scored[of]["rmse_direct"], 3) for of in ("shipped", "scores")] for scored in (calm["on_training_images"], calm)] == [
        [0.089, 0.048], [0.121, 0.132]]
    replaced = {pair: RESULTS.read(f"earlier/{pair}-realism.json") for pair in ("superres-mnist", "deblur-mnist")}
    *_, first_wide, longer_wide = replaced["superres-mnist"]["stages"]
    became = {"superres-mnist": longer_wide["test_scores"], "deblur-mnist": RESULTS.find(pair="deblur-mnist", variant="T = 20", kind="realism")}
    was = {"superres-mnist": first_wide["test_scores"], "deblur-mnist": replaced["deblur-mnist"]["replaced"]["test_scores"]}
    for pair, rmse in {"superres-mnist": [0.1218, 0.1323], "deblur-mnist": [0.1166, 0.1249]}.items():
        then, now = (next(row for row in rows[pair] if (row["method"], row["measurement_precision"]) == ("direct", "float32"))
                     for rows in (was, became))
        assert [round(row["rmse"], 4) for row in (then, now)] == rmse, "what realism cost"
        assert pair != "superres-mnist" or [round(row["class_accuracy"], 3) for row in (then, now)] == [0.903, 0.891]
    readme = " ".join((HOME / "results/README.md").read_text().split())
    behind = set()
    for pair, variant, _ in RESULTS.cases():
        reached = [all(any(sign * row[metric] >= sign * RESULTS.printed(pair, method)[metric.upper()] for way in OURS if (
            row := RESULTS.best(pair, way, papers_precision(pair), variant, metric, kind))) for metric, sign in SIGNS.items() for method in BOTH)
            for kind in ("RMSE", "realism")]
        behind |= set() if any(reached) else {(pair, variant)}
    assert behind == {("superres-mnist", "T = 3"), ("deblur-mnist", "T = 40")}, "in every other row one model reaches the paper"
    fids = {(pair, way, kind): RESULTS.best(pair, way, papers_precision(pair), metric="fid", kind=kind) for pair in PAIRS for way in OURS for kind in ("RMSE", "realism")}
    real, blurrier = fids["superres-mnist", "direct", "realism"], RESULTS.best("deblur-mnist", "direct", variant="T = 40", metric="fid")
    assert f"far behind in FID ({fids['superres-mnist', 'algorithm2', 'RMSE']['fid']:.2f} for 4.05)" in readme
    assert f"RMSE {real['rmse']:.3f} for 0.114, SSIM {real['ssim']:.3f} for 0.823" in readme and f"Their FID is {blurrier['fid']:.2f}." in readme
    details = " ".join((HOME / "results/details.md").read_text().split())
    by_calls = [[f"{fids[f'{task}-mnist', way, 'realism']['fid']:.2f}" for way in OURS] for task in ("deblur", "superres")]
    assert ("For blur FID is {} by direct reconstruction (one call), {} by two calls and {} by all calls. "
            "For pixelation it is {}, {} and {}.").format(*by_calls[0], *by_calls[1]) in details
    unreached = {(pair, way) for pair in PAIRS for way in BOTH if min(row["fid"] for kind in ("RMSE", "realism") if (row := fids[pair, way, kind]))
                 > RESULTS.printed(pair, way)["FID"]}
    assert unreached == {("superres-mnist", "direct"), ("superres-mnist", "algorithm2"), ("deblur-mnist", "algorithm2"), ("inpaint-mnist", "algorithm2")}
    assert f"direct reconstruction ({by_calls[1][0]} for 4.05) and by Algorithm 2 ({by_calls[1][2]} for 4.33, a tie)" in details
    assert f"Algorithm 2 ({by_calls[0][2]} for 4.69), and masked digits by Algorithm 2 ({fids['inpaint-mnist', 'algorithm2', 'RMSE']['fid']:.2f} for 1.61)" in details
    best = [RESULTS.best(pair, "two-calls", metric="fid", kind="realism")["fid"] for pair in was]
    assert best == [min(RESULTS.best(pair, method, metric="fid", kind="realism")["fid"] for method in OURS) for pair in was]
    assert [round(fid, 2) for fid in best] == [4.02, 3.75]
    lowest = [min(RESULTS.printed(pair, method)["FID"] for method in BOTH) for pair in was]
    before, = [row for row in longer_wide["test_scores"] if row["method"] == "two-calls"]
    mean = RESULTS.best("superres-mnist", "two-calls", metric="fid", kind="realism")
    said = [part for metric in ("fid", "rmse", "ssim", "frechet") for part in (before[metric], mean[metric], half(mean, metric))]
    assert ("By two calls FID fell from {:.2f} to {:.2f} (± {:.2f}), RMSE from {:.4f} to {:.4f} (± {:.4f}), and SSIM from {:.4f} to {:.4f} (± {:.4f}). "
            "The Frechet distance rose from {:.1f} to {:.1f} (± {:.1f}).").format(*said) in details
    assert [abs(before[metric] - mean[metric]) > half(mean, metric) for metric in ("fid", "rmse", "ssim", "frechet")] == [False, False, False, True]
    assert lowest == [4.05, 4.69] and "their FID is 3.75 for blur (the paper's best: 4.69) and 4.02 for pixelation (4.05, a tie)" in " ".join((HOME / "README.md").read_text().split())
    blurred, wide_blur = tried["deblur-mnist", "that, four times longer"], tried["deblur-mnist", "twice as wide, L1, then a critic, weight 0.3"]
    assert [round(row["scores"]["fid_direct"], 1) for row in (wide_blur, blurred)] == [16.7, 9.1]
    assert [(row["step"], round(row["fid_direct"])) for row in (calm["curve"][0], blurred["curve"][0])] == [(832, 17), (850, 24)]
    longer = tried["superres-cifar10", "that, on many more images"]
    assert (round(longer["scores"]["ssim_direct"], 4), round(longer["scores"]["rmse_direct"], 4)) == (0.4232, 0.1242)
    assert round(longer["test_scores"][0]["ssim"], 4) == 0.4201
    for name, expected in {"L2, SSIM and shifts by two": (0.4222, 0.1242), "that, then more SSIM": (0.4226, 0.1251)}.items():
        row = tried["superres-cifar10", name]["scores"]
        assert (round(row["ssim_direct"], 4), round(row["rmse_direct"], 4)) == expected
    more = tried["superres-cifar10", "shifts by two, on more images"]
    assert [[round(more[of]["ssim_direct"], 4), round(more[of]["rmse_direct"], 4)] for of in ("scores", "mean_of_weights_with_the_one_before")] == [
        [0.4216, 0.1245], [0.4226, 0.1244]]
    assert [round(more["on_training_images"][of]["ssim_direct"], 3) for of in ("before", "scores")] == [0.442, 0.446]
    wider = tried["superres-cifar10", "twice as wide, half as long: shipped now"]
    assert [[round(wider[of]["ssim_direct"], 4), round(wider[of]["rmse_direct"], 4)] for of in ("scores", "end")] == [[0.4253, 0.1242], [0.4235, 0.1246]]
    assert max(wider["curve"], key=lambda row: row["ssim_direct"])["step"] == wider["stopped_at_step"] == RESULTS.models["superres-cifar10"]["step"] == 10_500
    small, = RESULTS.find(kind="earlier", pair="superres-cifar10", method="direct", measurement_precision="float32")
    photographs = {method: RESULTS.best("superres-cifar10", method) for method in BOTH}
    assert [[round(row["ssim"], 4), round(row["rmse"], 4), round(row["fid"], 2)] for row in (small, photographs["direct"])] == [
        [0.4197, 0.1251, 142.20], [0.4220, 0.1251, 137.45]]
    verdicts = {method: against_paper(RESULTS, row, "ssim") for method, row in photographs.items()}
    assert verdicts == {"direct": "tie", "algorithm2": "better"} and round(photographs["algorithm2"]["ssim"], 4) == 0.4211
    again = {"superres-mnist": tried["superres-mnist", "four times longer, then as long again"], "deblur-mnist": tried["deblur-mnist", "that, as long again: shipped now"]}
    assert [[[round(row[of][f"fid_{method}"], 1) for of in ("shipped", "scores")] for method in BOTH] for row in again.values()] == [
        [[9.8, 10.0], [8.6, 9.4]], [[9.0, 9.0], [10.0, 9.7]]]
    before_it = {row["method"]: row for row in RESULTS.read("earlier/deblur-mnist-realism.json")["stages"][-1]["test_scores"]}
    now = {method: RESULTS.best("deblur-mnist", method, metric="fid", kind="realism") for method in BOTH}
    assert [[round(row["fid"], 2) for row in (before_it[method], now[method])] for method in BOTH] == [[5.08, 4.95], [6.17, 5.73]]
    assert round(before_it["direct"]["rmse"], 4) == 0.1223
    blur = again["deblur-mnist"]["scores"]
    assert [round(blur[f"sharpness_{method}"], 2) for method in ("algorithm2", "direct")] == [1.16, 0.92]
    by_frechet = min((row for row in RESULTS.read("calls.json")["rows"] if "deblur" in row["model"]), key=lambda row: row["frechet"])
    assert by_frechet["visited"] == [*range(20, 0, -1)]
    shipped = {name: model["checksum"] for name, model in RESULTS.sharper.items()}
    few = {tuple(row["visited"]): row for row in RESULTS.read("calls.json")["rows"] if row["weights"] == shipped[row["model"]]}
    assert min((row["fid"], visited) for visited, row in few.items() if visited[0] == 20)[1] == (20, 10), "what two_calls asks"
    assert min((row["fid"], visited) for visited, row in few.items() if visited[0] == 3)[1] == (3, 2)
    means = {row["share"]: row for row in RESULTS.read("mean_weights.json")["rows"]}
    made = RESULTS.sharper["superres-mnist-realism"]
    assert means[0.25]["weights"] == made["checksum"] and made["mean"]["share"] == min(means, key=lambda share: means[share]["fid"]) == 0.25
    assert made["step"] == 21_000 and means[0.0]["weights"] == longer_wide["checksum"] == made["mean"]["before"]
    lowest = {score: min(means, key=lambda share: sign * means[share][score]) for score, sign in {"rmse": 1, "fid": 1, "ssim": -1, "frechet": 1}.items()}
    assert lowest == {"rmse": 0.25, "fid": 0.25, "ssim": 0.0, "frechet": 0.0}
    *_, looked = (row for row in again["superres-mnist"]["curve"] if row["step"] <= 21_000)
    assert (looked["step"], round(looked["fid_algorithm2"], 1)) == (21_000, 9.1)
    moved_about = tried["superres-mnist", "four times longer, then shifts by two"]
    assert [(row["step"], round(row["rmse_direct"], 4), round(row["fid_direct"], 1)) for row in (
        moved_about["curve"][-1], again["superres-mnist"]["curve"][0])] == [(3_500, 0.1213, 16.6), (3_500, 0.1275, 11.5)]
    overdone = tried["superres-cifar10", "twice as wide, L2, SSIM and shifts"]["curve"]
    assert [(row["images"], round(row["ssim_direct"], 4), round(row["rmse_direct"], 4)) for row in overdone[-2:]] == [
        (3_563_520, 0.4254, 0.1243), (7_015_680, 0.4168, 0.1263)]
    late = tried["superres-cifar10", "that, then shifts by six"]["scores"]
    assert (round(late["ssim_direct"], 4), round(late["rmse_direct"], 4)) == (0.4212, 0.1268)
    still, shifted = (tried["superres-cifar10", name] for name in ("L2 and SSIM, weight 0.3", "L2, SSIM and shifts"))
    by_heart = [row["on_training_images"]["scores"]["ssim_direct"] - row["scores"]["ssim_direct"] for row in (still, shifted)]
    assert [round(gap, 3) for gap in by_heart] == [0.022, 0.006], "shifts keep a network from learning its images by heart"
    assert [round(shifted[of]["rmse_direct"], 4) for of in ("scores", "shipped")] == [0.1252, 0.1246]
    before, = RESULTS.find(kind="earlier", pair="superres-mnist", method="direct", measurement_precision="float32")
    after = RESULTS.best("superres-mnist", "direct", metric="fid")
    assert [round(row["fid"], 2) for row in (before, after)] == [20.24, 24.31], "what SSIM and L2 cost in realism"
    assert [round(row["frechet"], 1) for row in (before, after)] == [15.4, 39.5]
    iterated = RESULTS.best("superres-mnist", "algorithm2", metric="fid")
    assert round(iterated["fid"], 2) == 20.37 and round(tried["superres-mnist", "that, then without shifts: shipped now"]["scores"]["rmse_direct"], 4) == 0.1078
    notebooks = {name: (HOME / f"notebooks/{name}.py").read_text() for name in ("04_metrics", "06_why_iterate")}
    assert f"RMSE is {after['rmse']:.4f} ± {half(after, 'rmse'):.4f}" in notebooks["04_metrics"]
    assert f"{after['rmse']:.3f} and {iterated['rmse']:.3f} (pixelation)" in notebooks["06_why_iterate"]
    assert f"from {after['fid']:.2f} to {iterated['fid']:.2f}" in notebooks["06_why_iterate"]
    stages = RESULTS.models["superres-mnist"]["stages"]
    assert stages[-1]["images_seen"] - stages[0]["images_seen"] == 256_000
    benchmarks = {name: answer["found"] for name, answer in RESULTS.read("bench-cuda.json")["answers"].items()}
    rates = benchmarks["throughput"]
    gained = [rates[f"training the small network, batch {batch}"]["value"]
              / rates[f"training the small network without a CUDA graph, batch {batch}"]["value"] for batch in (64, 1_024)]
    assert [round(times, 1) for times in gained] == [7.9, 2.1], "what a CUDA graph gains"
    shares = [benchmarks[name][f"training the paper's MNIST network{of}, of the float32 matmul rate"]["value"]
              for name, of in (("training-mnist", ""), ("more-throughput", ", float32, batch 64"))]
    assert [f"{share:.1%}" for share in shares] == ["5.5%", "41.7%"]
    assert RESULTS.sharper["inpaint-cifar10-realism"]["recipe"].images_seen == 1_024_000
    assert {len(RESULTS.read(f"curves/{pair}.json")["rows"]) for pair in PAIRS} == {8}, "the last point has sixteen times the images of the fourth"


def test_fids_and_ratios_in_sentences_are_those_of_the_rows():
    readme, details = (" ".join((HOME / f"results/{page}").read_text().split()) for page in ("README.md", "details.md"))

    def ours(pair, method, precision="8bit", **options):
        return f"{RESULTS.best(pair, method, precision, metric='fid', **options)['fid']:.2f}"
    for pair, method, kind, page in (
            ("inpaint-cifar10", "direct", "RMSE", readme), ("inpaint-mnist", "algorithm2", "RMSE", readme),
            ("inpaint-cifar10", "direct", "realism", details), ("inpaint-cifar10", "algorithm2", "realism", details)):
        assert f"({ours(pair, method, kind=kind)} for {RESULTS.printed(pair, method)['FID']:.2f})" in page
    for pair, gained in {"deblur-cifar10": "better", "superres-cifar10": "worse"}.items():
        iterated, once = (ours(pair, method, "float32") for method in ("algorithm2", "direct"))
        assert f"{gained} in FID ({iterated} for {once})" in details and (float(iterated) < float(once)) == (gained == "better")
    blurred = [ours("deblur-mnist", method, variant="T = 20") for method in ("algorithm2", "direct", "lmmse")]
    assert "far worse ({} for {}), and worse than least squares ({})".format(*blurred) in details
    worse = {pair: max(RESULTS.best(pair, "algorithm2", precision, variant)["rmse"] / RESULTS.best(pair, "direct", precision, variant)["rmse"]
                       for named, variant, _ in RESULTS.cases() if named == pair for precision in ("float32", "8bit")) for pair in PAIRS}
    assert max(ratio for pair, ratio in worse.items() if "inpaint" not in pair) < 1.085, "at most 8 %"
    assert [round(worse[pair], 2) for pair in ("inpaint-mnist", "inpaint-cifar10")] == [1.19, 1.2], "up to a fifth"
    curves = {pair: {row["images"]: row["rmse_algorithm2"] / row["rmse_direct"] for row in RESULTS.read(f"curves/{pair}.json")["rows"]}
              for pair in ("inpaint-mnist", "inpaint-cifar10")}
    assert [round(curves["inpaint-mnist"][images], 2) for images in (96_000, 384_000)] == [1.22, 1.22]
    assert [round(curves["inpaint-cifar10"][images], 2) for images in (224_000, 448_000)] == [1.31, 1.21]


def test_ranges_in_sentences_are_those_of_the_records():
    readme, details, speed = (" ".join((HOME / f"results/{page}").read_text().split()) for page in ("README.md", "details.md", "speed.md"))
    study = {row["choice"]: row for row in RESULTS.read("realism.json")["rows"]}
    seconds = [row["seconds"] for row in study.values()]
    assert f"of {min(seconds):.0f} to {max(seconds):.0f} seconds each" in details
    wide, usual = ({f"{row['images']:,.0f}": f"{row['frechet_direct']:.0f}" for row in study[name]["curve"]} for name in ("twice as wide", "the recipe"))
    assert f"({wide['204,800']} after 204,800, the usual network {usual['311,296']} after 311,296)" in details
    answers = RESULTS.read("bench-cpu.json")["answers"]
    convolutions = [sum(found["value"] for what, found in answers[f"training-{dataset}"]["found"].items()
                        if what.endswith(("in convolution_backward", "in mkldnn_convolution"))) for dataset in ("mnist", "cifar10")]
    assert f"spend {100 * min(convolutions):.0f} to {100 * max(convolutions):.0f} % of a step in float32 convolutions" in speed
    more = [RESULTS.sharper[f"{task}-mnist-realism"]["images_seen"] / RESULTS.models[f"{task}-mnist"]["images_seen"]
            for task in ("deblur", "superres")]
    seen = [100 * model["images_seen"] / RESULTS.paper["images_seen"] for model in (RESULTS.models | RESULTS.sharper).values()]
    assert f"saw {min(seen):.0f} to {max(seen):.0f} % of the images" in (HOME / "RELATED.md").read_text()
    assert "saw 14 (blur) and 15 (pixelation) times as many images" in readme and [round(ratio) for ratio in more] == [14, 15]
    rmse = {choice: [row[f"rmse_{method}"] for row in RESULTS.read("training_choices.json")["rows"] if row["task"] == "deblur" and row["choice"] == choice
                     for method in ("direct", "algorithm2")] for choice in ("the recipe", "L2 for L1")}
    worse = [sum(rmse["L2 for L1"][way::2]) / sum(rmse["the recipe"][way::2]) for way in (0, 1)]
    assert "makes all scores a little worse, RMSE by at most 1 %" in details and 1 < min(worse) and max(worse) < 1.01
    critic = {name: [stage["seconds"] / 60 for stage in model["stages"] if stage["recipe"].realism] for name, model in RESULTS.sharper.items()}
    *_, on_a_core = critic["inpaint-cifar10-realism"]
    minutes = [round(sum(spent) - on_a_core * (name == "inpaint-cifar10-realism")) for name, spent in critic.items()]
    assert "for three to fourteen minutes of a GPU each, and for holes an hour of a CPU core" in readme
    assert (min(minutes), max(minutes)) == (3, 14) and 60 <= on_a_core < 70
    spent = RESULTS.models["superres-cifar10"]["seconds"]
    assert f"in {spent:.0f} seconds of a GPU" in details and f"in {spent / 60:.0f} minutes of a GPU" in readme
    prices = [f"{RESULTS.best(pair, 'direct', metric='fid', kind='realism')[metric]:.3f} for {RESULTS.printed(pair, 'direct')[metric.upper()]:.3f}"
              for metric in ("rmse", "ssim") for pair in ("superres-mnist", "superres-cifar10")]
    assert "above the paper's, {} (digits) and {} (photographs). SSIM is below it, {} and {}.".format(*prices) in details
    gains = [1 - after / before for before, after in (
        [RESULTS.best("deblur-cifar10", method, metric="fid")["fid"] for method in BOTH],
        [RESULTS.printed("deblur-cifar10", method)["FID"] for method in BOTH])]
    assert "a tenth better in FID" in details and "In the paper a twentieth" in details and [round(100 * gain) for gain in gains] == [10, 4]
    starts = {row["degradation"]: f"{row['rmse']:.3f}" for row in RESULTS.read("hot_and_cold.json")["rows"]
              if row["job"] == "restoration" and row["sampler"] == "degraded" and row["degradation"] != "noise"}
    notebook = (HOME / "notebooks/07_hot_and_cold.py").read_text()
    assert [min(starts.values()), max(starts.values())] == [starts["pixelation"], starts["blur with noise"]]
    assert f"between {starts['pixelation']} (pixelation) and {starts['blur with noise']} (hybrid)" in notebook


def test_rows_are_of_the_shipped_weights_but_where_the_page_says_otherwise():
    measured = [(row.get("model") or f"{row['task']}-{row['dataset']}", row["weights"])
                for file in ("growth.json", "steps.json") for row in RESULTS.read(file)["rows"]]
    measured += [(row["folder"].removeprefix("samplers/"), row["provenance"]["weights"]) for row in RESULTS.find(kind="samplers")]
    scored = [(row["folder"], row["provenance"]["weights"]) for row in RESULTS.rows if row["folder"] in RESULTS.models and row["method"] != "degraded"]

    def older(rows):
        of = {name: {model["checksum"], model.get("before_refit")} for name, model in RESULTS.models.items()}
        return sorted({name for name, weights in rows if weights not in of[name]})
    assert older(measured) == ["deblur-cifar10", "deblur-cifar10-8bit"] and older(scored) == []


def test_margins_of_fid_are_what_was_measured():
    gaps = [abs(row["fid"] / theirs["FID"] - 1) for pair in PAIRS if "rounded" not in (row := RESULTS.best(pair, "degraded", metric="fid"))["protocol"]
            and "FID" not in (theirs := RESULTS.printed(pair, "degraded")).get("notes", {})]
    rounding = [abs(fids["rounding"]) / RESULTS.best(pair, method, variant=variant, metric="fid")["fid"]
                for (pair, variant, method), fids in fid.measured(RESULTS).iterrows() if method == "direct"]
    twice = {}
    rows = [row for row in RESULTS.find(kind="RMSE") if row["pair"] in PAIRS and "fid" in row]
    for row in rows:
        place = tuple(map(str, (*paper.place(row), row["folder"], "rounded" in row["protocol"])))
        twice.setdefault(place, {})["bfloat16" in row["protocol"]] = row["fid"]
    bfloat16 = [abs(found[True] / found[False] - 1) for found in twice.values() if len(found) == 2]
    intervals = [half(row, "fid") / row["fid"] for row in rows + RESULTS.find(kind="realism") if "fid_interval" in row]
    assert paper.BFLOAT16 == pytest.approx(max(bfloat16), abs=5e-4) and bfloat16
    assert paper.FID_TIE == pytest.approx(max(gaps) + max(rounding) + max(bfloat16) + max(intervals), abs=5e-4)
    assert [f"{100 * of(intervals):.1f}" for of in (min, max)] == ["0.4", "4.1"]
    assert "half of it is 0.4 to 4.1 % of the FID" in (HOME / "results/details.md").read_text()


def full_cell(method, frechet=9.0, fid="not run: x", **provenance):
    return {"task": "superres", "data": "mnist", "split": "test", "variant": "T = 3", "method": method, "measurement_precision": "float32", "n": 10_000,
            "rmse": 0.1, "ssim": 0.9, "fid": fid, "frechet": frechet, "class_accuracy": 0.5, "gain": 2.0, "provenance": {"weights": "w"} | provenance,
            "resize": "half-pixel bilinear"}


def publish(tmp_path, cells):
    for name in ("paper.json", "goals.json"):
        shutil.copy(HOME / "results" / name, tmp_path)
    (tmp_path / "superres-mnist").mkdir(exist_ok=True)
    (tmp_path / "superres-mnist/metrics.json").write_text(json.dumps({"cells": cells}))
    return Published(tmp_path)


def scored(method, rmse, precision="float32", **others):  # the paper has 0.114 and 0.115
    return full_cell(method) | {"rmse": rmse, "rmse_interval": [rmse - 0.001, rmse + 0.001], "measurement_precision": precision} | others


def test_validation_rows_are_marked_and_give_way_to_test_rows(tmp_path):
    validation = scored("direct", 0.111, split="validation", n=1_000)
    published = publish(tmp_path, [validation])
    assert "| **0.111 (validation, 1,000)**, not run / 0.114 |" in paper.summary(published)
    assert "| direct | float32 | 0.1110 ± 0.0010 |" in paper.rows(published), "no verdict on other images"
    published = publish(tmp_path, [validation, scored("direct", 0.122)])
    assert "| Super-resolution, MNIST, T = 3 | float32 | RMSE | 0.110 | 0.1220 | worse |" in paper.goals(published)
    assert "| 0.122, not run / 0.114 |" in paper.summary(published)
    lines = [line for line in paper.rows(published).splitlines() if line.startswith("| direct |")]
    assert ["0.1220" in line for line in lines] == [True, False], "the full split first"


def test_verdicts_know_ties_and_stand_at_both_precisions(tmp_path):
    published = publish(tmp_path, [scored("direct", 0.111), scored("direct", 0.1135, "8bit"), scored("algorithm2", 0.1185)])
    text = paper.rows(published)
    assert "| *the paper*, direct | – | 0.114 | 0.823 | 4.05 | as they are |" in text
    for line in ("| direct | float32 | **0.1110 ± 0.0010** |", "| direct | 8 bits | 0.1135 ± 0.0010 (tie) |", "| Algorithm 2 | float32 | 0.1185 ± 0.0010 |"):
        assert line in text
    assert "| – | **0.111**, 0.114 / 0.114 | 0.118, not run / 0.115 |" in paper.summary(published).replace(RESULTS.share("superres-mnist"), "–")


def test_a_set_scored_twice_has_two_rows_and_the_best_is_by_the_papers_protocol(tmp_path):
    published = publish(tmp_path, [full_cell("degraded"), full_cell("degraded", fid=320.0, inception=ROUNDED), full_cell("degraded", fid=370.0, inception=EXACT),
                                   full_cell("direct", fid=4.22, inception=FAST)])
    assert published.best("superres-mnist", "degraded", metric="fid")["fid"] == 370.0
    lines = [line for line in paper.rows(published).splitlines() if line.startswith("| degraded |")]
    assert len(lines) == 2 and "| 320.00 | half-pixel bilinear, rounded to 8 bits |" in "".join(lines)
    assert "| 4.22 (tie) | half-pixel bilinear, rounded to 8 bits, bfloat16 |" in paper.rows(published)


@pytest.mark.parametrize(("naive", "shown"), [(9.93, "**9.93** | **10.00**"), (9.6, "**9.60** | 10.00"), (10.05, "**10.05** | **10.00**"), (10.4, "10.40 | **10.00**")])
def test_samplers_tie_within_what_bfloat16_may_change(tmp_path, naive, shown):
    published = publish(tmp_path, [full_cell("direct", fid=12.0, inception=ROUNDED), full_cell("algorithm2", fid=10.0, inception=ROUNDED),
                                   full_cell("algorithm1", fid=naive, frechet=8.0, inception=FAST)])
    assert f"| Super-resolution, MNIST | FID | 12.00 | {shown} | better | worse |" in paper.best(published)
    assert "| Super-resolution, MNIST | Frechet | 9.0 | **8.0** | 9.0 | tie | – |" in paper.best(published)


def test_the_network_stands_beside_least_squares(tmp_path):
    published = publish(tmp_path, [full_cell("lmmse", fid=146.0, inception=FAST) | {"rmse": 0.2}, full_cell("direct", fid=20.0, inception=ROUNDED)])
    assert "| 0.2000 | **0.1000** | not run | – | 146.00 | 20.00 |" in paper.glance(published)


def test_the_model_before_stands_beside_the_rows(tmp_path):
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier/superres-mnist.json").write_text(json.dumps({"stages": [], "cells": [full_cell("direct") | {"rmse": 0.2}]}))
    lines = paper.rows(publish(tmp_path, [full_cell("direct")])).splitlines()
    now, before = [line for line in lines if line.startswith("| direct")]
    assert "| **0.1000** |" in now and before.startswith("| direct, model before | float32 | 0.2000 |")


def test_sampler_tables_mark_what_is_near_the_best_and_take_the_model_made_for_8_bits(tmp_path):
    shutil.copy(HOME / "results/paper.json", tmp_path)

    def cell(method, precision, rmse, **others):
        return {"task": "deblur", "data": "mnist", "provenance": {}, "variant": "T = 3", "method": method, "measurement_precision": precision, "split": "validation", "n": 50, "rmse": rmse, "ssim": 0.9 - rmse} | others

    for name, cells in {"deblur-mnist": [cell("direct", "float32", 0.1009, frechet=9.0), cell("algorithm2", "float32", 0.10, frechet=10.0),
                                         cell("direct", "8bit", 0.3)],
                        "deblur-mnist-8bit": [cell("direct", "8bit", 0.15), cell("algorithm2", "8bit", 0.2)]}.items():
        (tmp_path / "samplers" / name).mkdir(parents=True)
        (tmp_path / "samplers" / name / "metrics.json").write_text(json.dumps({"cells": cells}))
    published = Published(tmp_path)
    text = samplers.sampler_tables(published)
    assert "### Deblurring, MNIST, T = 3" in text and "0.3000" not in text and "Algorithm 1" not in text
    assert "| direct | **0.1009** | **0.7991** | **9.0** | **0.1500** | **0.7500** |" in text
    assert "| Algorithm 2 (the paper's) | **0.1000** | **0.8000** | 10.0 | 0.2000 | 0.7000 |" in text


def test_tables_are_narrow_and_say_nothing_of_this_machine():
    text = (HOME / "results" / "README.md").read_text()
    assert max(line.count(" | ") for line in text.splitlines() if line.startswith("|")) <= 8
    assert not [word for word in ("/tmp", "/work", "/home", "http://", "nan", "None") if word in text]


def test_the_plane_shows_measured_scores_only():
    digits = plane.points(RESULTS, "superres-mnist", "T = 3")
    assert digits["paper", ""] == [(0.114, 4.05), (0.115, 4.33)]
    assert len(digits["realism", "8 bits"]) == 2
    row = RESULTS.best("superres-mnist", "algorithm2", "8bit", "T = 3", "fid")
    assert digits["ours", "8 bits"][1] == (row["rmse"], row["fid"])
    assert "- Deblurring, CIFAR-10: ours 8 bits, realism float32, realism 8 bits\n" in plane.plane(RESULTS)


def test_typed_numbers_of_final_records_are_those_of_the_records():
    details = " ".join((HOME / "studies/pages/details.md").read_text().split())
    for data in ("mnist", "cifar10"):
        record = RESULTS.read(f"classifier-{data}/record.json")
        assert f"*{record['name']}*, {record['features']} features, right on {record['accuracy']:.2%} of the test split" in details
    errors = [f"{row['lmmse']['measured_noise'] ** 0.5:.1e}" for row in RESULTS.find(method="lmmse", measurement_precision="float32", task="deblur")]
    assert len(errors) == 3 and all(error in details for error in errors)
    short = RESULTS.read("training_choices.json")
    means = {(row["task"], row["choice"]): [other["rmse_direct"] for other in short["rows"] if (other["task"], other["choice"]) == (row["task"], row["choice"])]
             for row in short["rows"]}
    bought = sorted(100 * (1 - sum(means[task, "no rollout"]) / sum(means[task, "the recipe"])) for task in ("deblur", "inpaint"))
    assert "rollouts bought {:.0f} to {:.0f} % of direct RMSE".format(*bought) in details
    seen = [model["images_seen"] / short["images_seen"] for model in RESULTS.models.values()]
    assert f"{min(seen):.0f} to {max(seen):.0f} times as many images" in details
    assert {row["images"] for row in RESULTS.find(kind="samplers")} == {"validation, 500"}
    fids = fid.measured(RESULTS).loc[tuple(fid.CONTROL.values())]
    for inception in (fid.HALF_PIXEL, fid.ROUNDED, f"{fid.TENSORFLOW}, bfloat16"):
        assert f"| {fids[inception]:.2f} | {100 * (fids[inception] / fids[fid.HALF_PIXEL] - 1):+.1f} % |" in details
    for mark, note in RESULTS.paper["notes"].items():
        assert f"({mark}) {note}" in details
    for run in ("mnist", "cifar10", "super_mnist", "super_cifar10"):
        last = pd.read_csv(HOME / f"results/report/{run}.csv").iloc[-1]
        assert f"| {last['step']:,.0f} | {last['ssim']:.4f} | {last['rmse'] / 2:.4f} | {last['fid']:.1f} |" in details
    for _, row in pd.read_csv(HOME / "results/report/inpainting.csv").iterrows():
        assert f"{row['rmse'] / 2:.4f} (degraded {row['degraded_rmse'] / 2:.4f}) | {row['fid']} (degraded {row['degraded_fid']})" in details
