"""What a newcomer gets wrong, every option once: one line that says what to do, and status 2."""
import shlex

import pytest
import torch
from command_line import refused
from PIL import Image

from colddiff_nb.__main__ import main
from colddiff_nb.commands.common import PROGRAM

WRONG = [  # a command, and part of what it says
    ("", "Expected one of {restore, train, evaluate"),
    ("trian quick", "Unrecognized options: trian, quick. Available subcommands: restore, train"),
    ("restore nowhere.jpg", "there is no file 'nowhere.jpg': check the path"),
    ("restore notes.txt", "'notes.txt' is no image that can be read: give a PNG, JPEG"),
    ("restore --task sharpen", "invalid choice 'sharpen' for argument '--task'. Expected one of ('auto', 'deblur', 'superres', 'inpaint'"),
    ("restore --model imagenet", "invalid choice 'imagenet' for argument '--model'. Expected one of ('auto', 'mnist', 'cifar10'"),
    ("restore --severity 99", "t = 99..99 lies outside 0..50, the severities of this deblur"),
    ("restore --severity much", "--severity: 'much' is no whole number"),
    ("restore --methods algorithm3", "invalid choice 'algorithm3' for argument '--method/--methods'. Expected one of ('direct', 'algorithm1'"),
    ("restore --weights nowhere.safetensors", "there are no weights at nowhere.safetensors"),
    ("restore --weights superres-mnsit", "no weights superres-mnsit are shipped: choose one of deblur-cifar10"),
    ("restore --weights superres-mnist --task deblur", "--task deblur: superres-mnist was trained for superres; leave out --task"),
    ("restore --measured", "--measured needs a picture"),
    ("restore --task inpaint --mask-centre 16", "--mask-centre: ['16'] is not INT INT"),
    ("restore --size 64", "do not fit this network: give (B, 3, H, W) with H and W 32 x 32 pixels"),
    ("restore --measurement-precision 16bit", "invalid choice '16bit' for argument '--measurement-precision'. Expected one of ('auto', 'float32', '8bit'"),
    ("restore --dataset imagenet", "unknown data set 'imagenet': choose one of mnist"),
    ("restore --dataset photos --model mnist", "images of a data set have their own model: leave out the pictures and --model"),
    ("restore --weights superres-mnist --model mnist", "images of a data set have their own model"),
    ("restore --dataset photos --n some", "--n: 'some' is no whole number"),
    ("restore --dataset photos --n 0", "--n 0: it must be at least 1"),
    ("restore --n -1", "--n -1: it must be at least 1"),
    ("restore --seed x", "--seed: 'x' is no whole number"),
    ("restore --output", "Missing value for argument '--output'"),
    ("train fast", "Unrecognized options: fast. Available subcommands: smoke, quick"),
    ("train smoke --task sharpen", "unknown task 'sharpen': choose one of deblur, superres"),
    ("train smoke --dataset MNIST", "unknown data set 'MNIST'"),
    ("train smoke --dataset cifar10 --data nowhere", "photos"),
    ("train smoke --size 33", "size = 33: it must be a multiple of 8"),
    ("train smoke --T 0", "T = 0: give the largest severity"),
    ("train smoke --pooling max", "invalid choice 'max' for argument '--pooling'. Expected one of ('area', 'bicubic'"),
    ("train smoke --network large", "unknown network 'large': choose one of small, paper"),
    ("train smoke --widths 8 8", "--widths"),
    ("train smoke --widths 7 7 7", "widths = (7, 7, 7): it must be a multiple of 8"),
    ("train smoke --time-input", "Unrecognized options: --time-input. Perhaps you meant: --no-time-input"),
    ("train smoke --skips", "Unrecognized options: --skips. Perhaps you meant: --no-skips"),
    ("train smoke --measurement-precision 4bit", "invalid choice '4bit' for argument '--measurement-precision'"),
    ("train smoke --steps -1", "steps = -1: it must lie in 1.."),
    ("train smoke --steps ten", "--steps: 'ten' is no whole number"),
    ("train smoke --batch 0", "batch = 0: it must lie in 1.."),
    ("train smoke --accumulate 0", "accumulate = 0: it must lie in 1.."),
    ("train smoke --loss l3", "invalid choice 'l3' for argument '--loss'. Expected one of ('l1', 'l2'"),
    ("train smoke --ssim -1", "ssim = -1.0: it must lie in 0.0.."),
    ("train smoke --realism -1", "realism = -1.0: it must lie in 0.0.."),
    ("train smoke --critic-penalty -1", "critic_penalty = -1.0: it must lie in 0.0.."),
    ("train smoke --learning-rate fast", "--learning-rate: 'fast' is no number"),
    ("train smoke --schedule linear", "invalid choice 'linear' for argument '--schedule'. Expected one of ('constant', 'cosine'"),
    ("train smoke --clip -1", "clip = -1.0: it must lie in 0.0.."),
    ("train smoke --severities low", "invalid choice 'low' for argument '--severities'. Expected one of ('uniform', 'towards-T'"),
    ("train smoke --rollout 2", "rollout = 2.0: it must lie in 0.0..1.0"),
    ("train smoke --data-consistency no", "invalid choice 'no' for argument '--data-consistency'. Expected one of ('state', 'measurement'"),
    ("train smoke --ema never", "invalid choice 'never' for argument '--ema'. Expected one of ('every-step', 'paper'"),
    ("train smoke --ema-half-life 0", "ema_half_life = 0.0: it must lie in"),
    ("train smoke --flip", "Missing value for argument '--flip'"),
    ("train smoke --shift 16", "shift = 16: it must lie in 0..15"),
    ("train smoke --precision fp8", "invalid choice 'fp8' for argument '--precision'. Expected one of ('auto', 'float32', 'bf16', 'fp16'"),
    ("train smoke --compile yes", "Unrecognized options: yes"),
    ("train smoke --cuda-graph maybe", "Unrecognized options: maybe"),
    ("train smoke --seed -1", "seed = -1: it must lie in 0.."),
    ("train smoke --evaluate-every 0", "evaluate_every = 0: it must lie in 1.."),
    ("train smoke --save-every 0", "save_every = 0: it must lie in 1.."),
    ("train smoke --stpes 3", "Unrecognized options: --stpes, 3. Perhaps you meant: --steps"),
    ("train smoke --run notes.txt", "notes.txt"),
    ("train smoke --init nowhere.safetensors", "there are no weights at nowhere.safetensors"),
    ("train smoke --resume-from nowhere", "there is no checkpoint in nowhere: check the path"),
    ("train smoke --until end", "--until: 'end' is no whole number"),
    ("train smoke --tracker paper", "Unsupported logging capability: paper. Choose between"),
    ("train smoke --plugin=mine.py", "--plugin mine.py fails: FileNotFoundError"),
    ("train smoke --plugin mine.py", "--plugin mine.py fails: FileNotFoundError"),
    ("train smoke --plugin notes.txt", "--plugin notes.txt fails: NameError: name 'milk' is not defined"),
    ("train smoke --plugin broken.py", "--plugin broken.py fails: ZeroDivisionError: division by zero"),
    ("evaluate", "evaluate: PATH A weights.safetensors file"),
    ("evaluate superres-mnsit", "no weights superres-mnsit are shipped: choose one of deblur-cifar10, deblur-cifar10-8bit"),
    ("evaluate superres-mnist --dataset photos", "photos has 3 channels, and the network restores 1: choose another data set"),
    ("evaluate superres-mnist --split train", "invalid choice 'train' for argument '--split'. Expected one of ('test', 'validation'"),
    ("evaluate superres-mnist --measurement-precision both", "invalid choice 'both' for argument '--measurement-precision'. Expected one of ('float32', '8bit')"),
    ("evaluate superres-mnist --T 4", "T = 4: give 1..3, and only for deblur"),
    ("evaluate superres-mnist --size 64 --dataset mnist5k --n 20", "do not fit this network: give (B, 1, H, W) with H and W 32 x 32 pixels"),
    ("evaluate superres-mnist --methods all", "invalid choice 'all' for argument '--method/--methods'. Expected one of ('degraded'"),
    ("evaluate superres-mnist --dataset mnist5k --n 0", "n = 0 lies outside 2..1000"),
    ("evaluate superres-mnist --dataset mnist5k --batch 0", "batch = 0: it must be at least 1"),
    ("evaluate superres-mnist --fid yes", "Unrecognized options: yes"),
    ("table", "name run folders that hold a metrics.json, or choose --degraded"),
    ("table . --degraded", "name run folders that hold a metrics.json, or choose --degraded"),
    ("table nowhere", "nowhere has no metrics.json with scores"),
    ("export nowhere", "there is no checkpoint in nowhere"),
    ("demo --recipe nope", "unknown recipe 'nope': choose one of smoke, quick"),
    ("report please", "Unrecognized options: please"),
]


@pytest.mark.parametrize("command, said", WRONG, ids=[command or "nothing" for command, _ in WRONG])
def test_a_wrong_input_gives_one_line(command, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("milk, eggs")
    (tmp_path / "broken.py").write_text("1 / 0")
    assert said in refused(command.split(), capsys)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in ("data", "runs", "nowhere")) == ["broken.py", "notes.txt"]


@pytest.mark.parametrize("command", ["restore", "train smoke", "evaluate", "table", "export", "demo"])
def test_each_option_is_got_wrong_once(command, capsys):
    """The options are those that help lists; paths and switches may have no wrong value."""
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    listed = {word.strip(",") for word in capsys.readouterr().out.split() if word.startswith("--") and word.strip("-")}
    tried = {word for wrong, _ in WRONG if wrong.startswith(command) for word in wrong.split() if word.startswith("--")}
    spare = {"--help", "--data", "--name", "--method", "--no-time-input", "--no-skips:", "--no-skips", "--no-time-input:",
             "--markdown", "--runs", "--plugin", "--output"}
    assert listed - tried <= spare, listed - tried - spare


MINE = """
from colddiff_nb.degradations import register
from colddiff_nb.degradations.contract import Degradation

class Fade(Degradation):
    def __init__(self, size, options, T):
        super().__init__(size, options, T)

    def apply_at(self, x0, t, randomness):
        return x0 * (1 - 0.9 * self.share(t, x0))

register("fade-away", Fade, T=4)
"""
TINY = ["--widths", "8", "8", "8", "--steps", "4", "--batch", "8", "--save-every", "2"]


def test_a_plugin_of_ones_own_trains_evaluates_and_restores(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    plugin = ["--plugin", "mine.py"]
    assert main(["train", "smoke", "--task", "fade-away", *TINY, *plugin]) == 0
    weights = "runs/smoke-fade-away-mnist5k/weights.safetensors"
    assert f"wrote {weights}\nnext: {PROGRAM} evaluate {weights} --plugin mine.py\n" in capsys.readouterr().out
    assert main(["evaluate", weights, "--n", "4", *plugin]) == 0
    assert "T = 2: give 1..4, and only for deblur" in refused(["evaluate", weights, "--T", "2", *plugin], capsys)
    assert main(["restore", "--weights", weights, "--n", "2", "--plugin=mine.py"]) == 0
    assert (tmp_path / "mnist5k-fade-away-restored.gif").exists()


def test_a_stopped_training_says_so_and_its_weights_can_be_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train = ["train", "smoke", "--task", "inpaint", *TINY]
    assert main([*train, "--until", "2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("train smoke: inpaint on mnist5k\n4 steps of 8 images on ") and "runs/smoke-inpaint-mnist5k" in said
    assert "stopped before its 4 steps, by --until 2" in said and "export runs/smoke-inpaint-mnist5k" in said
    weights = tmp_path / "runs" / "smoke-inpaint-mnist5k" / "weights.safetensors"
    assert not weights.exists() and main(["export", "runs/smoke-inpaint-mnist5k"]) == 0
    assert "of step 2 of 4" in capsys.readouterr().out
    assert main(["evaluate", str(weights), "--n", "4", "--method", "direct"]) == 0
    assert main(train) == 0 and "resumed at step 2" in capsys.readouterr().out
    finished = weights.read_bytes()
    assert main(["export", "runs/smoke-inpaint-mnist5k", "--output", "again.safetensors"]) == 0
    from safetensors.torch import load
    ended, exported = load(finished), load((tmp_path / "again.safetensors").read_bytes())
    assert all(torch.equal(ended[name], exported[name]) for name in ended | exported)


def test_table_leaves_out_what_is_no_run_and_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "superres-mnist", "--dataset", "mnist5k", "--n", "4"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert main(shlex.split(last.removeprefix(f"next: {PROGRAM} "))) == 0  # what it says is next needs no download
    Image.new("L", (2, 2)).save("runs/restored.png")
    capsys.readouterr()
    assert main(["table", "runs/restored.png", "runs/shipped-superres-mnist"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "without scores: runs/restored.png\n\n" and "superres on mnist5k, T = 3, from float32, 4 images" in printed.out
    assert "not run" not in printed.out and max(map(len, printed.out.splitlines())) <= 80
    assert main(["table", "runs/shipped-superres-mnist", "--markdown"]) == 0
    assert "| superres | mnist5k |" in capsys.readouterr().out
