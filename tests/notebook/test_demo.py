"""What `make run` leaves behind, with degraded images in place of three trainings."""
import torch
from PIL import Image

from colddiff_nb.metrics.evaluation import evaluate
from colddiff_nb.notebook import demo


def test_the_demo_writes_one_picture_and_one_table_of_all_tasks(tmp_path, monkeypatch, capsys):
    def run_task(chosen, folder, classifier):
        images = demo.load(chosen.dataset, "test")
        some = type(images)(images.pixels[:20], images.labels[:20], images.name, images.split, images.checksum)
        evaluate((None, chosen.degradation(), {}), some, folder, methods=("degraded",), log=lambda line: None)
        return Image.new("RGB", (30, 20), {"superres": "red", "inpaint": "green", "deblur": "blue"}[chosen.task])

    monkeypatch.setattr(demo, "run_task", run_task)
    monkeypatch.setattr(demo, "train_classifier", lambda digits: lambda x: torch.zeros(len(x), 10))
    demo.main(tmp_path, "smoke")
    with Image.open(tmp_path / "restored.png") as picture:
        assert picture.size == (90, 20)
        assert [picture.getpixel((x, 5)) for x in (5, 35, 65)] == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    table = (tmp_path / "table.md").read_text()
    assert all(task in table for task in ("superres", "inpaint", "deblur")) and "degraded" in table
    said = capsys.readouterr().out
    assert all(f"{task} on mnist5k, T = " in said for task in ("superres", "inpaint", "deblur")) and str(tmp_path / "restored.png") in said
