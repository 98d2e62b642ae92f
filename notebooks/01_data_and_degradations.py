# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 1 · Degradations: what is left of an image?
# Cold diffusion restores images from blur, pixelation and holes. Before any network is trained, ask what a degradation leaves. It can surprise you:
# ```text
#                          ┌ on a screen ─► an even grey square
# a digit ─ blur 40 times ─┼ float32, more contrast ─► a cloud
#                          └ 8 bits, more contrast ─► nothing
# ```
# When you have finished, you will be able to
# - show what is hidden in a grey square, and what 8 bits or bfloat16 destroy of it,
# - count how many numbers blur and pixelation leave of an image,
# - write a degradation $D(x_0, t)$ of your own,
# - say which images are for training, which for choosing, and which for the score.
#
# You need notebook 00 and a little linear algebra. Running takes about one minute on a CPU, reading about ten.

# %% cellView="form" jupyter={"source_hidden": true} tags=["setup"]
#@title Set up: find the project, or fetch it
import re, subprocess, sys, tempfile
from pathlib import Path
from urllib.parse import unquote
ADDRESS, VERSION = "", "v0.1.0"  # where git finds this project, such as "https://github.com/OWNER/REPO"
folders = [Path.cwd(), *Path.cwd().parents, Path("colddiff").resolve()]
home = next((folder for folder in folders if (folder / "colddiff_nb").is_dir()), folders[-1])
why = f"{home} is something else: rename it" if home.exists() else "ADDRESS above is empty"
if not home.exists():  # fetch the project; Colab's own gateway says which file on GitHub it opened
    said = subprocess.getoutput("curl -sm5 http://$COLAB_JUPYTER_IP:${KMP_TARGET_PORT:-9000}/api/sessions")
    found = re.findall(r"https://github\.com/[\w.-]+/[\w.-]+(?=/blob/)", unquote(said))
    addresses = [address for address in [*found, ADDRESS] if address]
    for way in [f'"{address}" {tag}' for address in addresses for tag in (f"--branch {VERSION}", "")]:
        with tempfile.TemporaryDirectory(dir=".") as folder:  # an interrupted clone leaves nothing behind
            clone = f'git -c core.askPass=true clone --quiet --depth 1 {way} "{folder}/new"'
            why = " ".join(subprocess.getoutput(clone).split()) or f"{way}is something else"
            if Path(folder, "new", "colddiff_nb").is_dir():
                Path(folder, "new").rename(home)
                break
if not (home / "colddiff_nb").is_dir():
    raise FileNotFoundError(f"the project is not here and could not be fetched ({why}): "
                            "mend that and run this cell again, or put this notebook into the project")
sys.path.insert(0, str(home))
from colddiff_nb.notebook import setup; settings = setup()

# %% tags=["parameters"]
DATA = {name: settings.dataset(name) for name in ("mnist", "cifar10")}  # offline: mnist5k, photos
IMAGES = settings.choose(500, 100)  # test images behind every number
PAGES = settings.choose(12, 4)  # positions that a slider has, where there are that many severities

# %% [markdown]
# ## 1 · Is this square empty?
# An image is a tensor of numbers between -1 (black) and +1 (white). So 0 is middle grey. (A blurred digit ends dark grey, at its mean: most of its
# pixels are black.) One blur replaces each pixel by a weighted mean of its neighbours, $x_{t+1} = k * x_t$ with weights $k$ that add up to 1. *With
# numbers:* with the weights 1/4, 1/2, 1/4 along a row, the pixels -1, 1, -1 give $-1/4 + 1/2 - 1/4 = 0$ in the middle. The paper's degradation
# $D(x_0, t)$ for digits blurs $t$ times, with an 11 x 11 kernel. The number $t$ is the **severity**, and $T$ is its largest value. (A sampler's
# severity, $s$, does not occur here.) **Predict.** Here are two digits, blurred 20 and 40 times. A screen shows even squares. Now the contrast is
# stretched: the darkest pixel becomes black, the brightest white. What appears? And what if $x_T$ was first rounded to a lower precision?
# - float32 has 24 bits of precision,
# - bfloat16 has 8 bits. It is the number format of fast training,
# - an image file has 8 bits, that is 256 grey levels.

# %%
import torch
import matplotlib.pyplot as plt
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.metrics import rmse
from colddiff_nb.notebook import show
from colddiff_nb.notebook.pictures import grid, png

test = {name: load(dataset, "test", settings.data) for name, dataset in DATA.items()}
examples = {}
for name, images in test.items():
    x0 = to_float(images.pixels[:200])
    contrast = x0.flatten(1).std(1).topk(20).indices
    examples[name] = x0[contrast[[0, 7, 14]]]  # three images with much contrast

# %%
ROUND = {"float32": lambda x: x, "bfloat16": lambda x: x.bfloat16().float(),
         "8 bits": lambda x: ((x + 1) * 127.5).round() / 127.5 - 1}

def stretched(x):
    """Each image spread over the whole range from -1 to 1; an image of one value becomes grey."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp(min=1e-30) * 2 - 1, 0)

digits, squares, values = examples["mnist"][:2], {}, {}
for T in (20, 40):
    x_T = make("deblur", DATA["mnist"], T=T)(digits, T)
    formats = {name: rounded(x_T) for name, rounded in ROUND.items()}
    squares[T] = [digits, x_T, *map(stretched, formats.values())]
    values[T] = {name: max(len(x.unique()) for x in images) for name, images in formats.items()}

# %%
titles = ["$x_0$", "$x_T$ as shown", *ROUND]
show(grid({title: torch.cat(both) for title, *both in zip(titles, *squares.values())}, scale=4,
          rows=["T = 20", "", "T = 40", ""], title="Grey squares, and what stretching shows"),
     "Blurred digits are grey squares. Stretched, float32 shows a cloud, 8 bits steps or nothing.")
for T, counts in values.items():
    print(f"What you saw: T = {T}: different values among 1,024 pixels:",
          ", ".join(f"{count} ({name})" for name, count in counts.items()))

# %% tags=["nbval-check-output"]
assert values[40]["float32"] > 500 and values[40]["8 bits"] <= 2 and values[20]["8 bits"] < 20
print("ok: the square of T = 40 holds hundreds of values in float32, and next to none in 8 bits")

# %% [markdown]
# **What you saw.** The same square is full or empty. It depends on the number format that keeps it. So a network that is to restore blurred digits
# must see $x_T$ in true float32. Rounding to bfloat16 leaves one value at $T = 40$: the task is destroyed, and no error says so.
# ## 2 · Can you read the square without a network?
# How much is in it? The best *linear* guess of $x_0$ needs only the mean and the covariance of training digits:
# $$\hat x_0 = \mu_0 + \Sigma_{0T}\,(\Sigma_{TT} + \nu I)^{-1} (x_T - \mu_T).$$
# Here $\mu$ are means, and $\nu$ is the variance of the rounding. $\Sigma_{0T}$ is the covariance of $x_0$ with $x_T$, $\Sigma_{TT}$ that of $x_T$
# with itself. We test it on digits that it has not seen. **Predict.** From which formats does the digit come back?

# %%
from dataclasses import replace
from colddiff_nb.metrics.lmmse import LMMSE, statistics

train = load(DATA["mnist"], "train", settings.data)
known = statistics(replace(train, pixels=train.pixels[:settings.choose(20_000, 1_000)]))
x0, D = to_float(test["mnist"].pixels[:IMAGES]), make("deblur", DATA["mnist"], T=20)
A, estimator = D.matrices[D.T], LMMSE(D, known, 0.0)
columns, scores = {"$x_0$": examples["mnist"]}, {}
for name, rounded in ROUND.items():
    x_T = rounded(D(x0, D.T))
    reader = estimator.with_noise(float((x_T - A @ x0.double() @ A.mT).square().mean()))
    columns[f"from {name}"] = reader(rounded(D(examples["mnist"], D.T)), D.T)
    scores[name] = rmse(reader(x_T, D.T), x0)

# %%
show(grid(columns, scale=4, title="A linear guess, reading the grey square (T = 20)"),
     "Three digits and what a linear estimator restores from float32, bfloat16 and 8 bits.")
print(f"What you saw: the RMSE of the square is {rmse(D(x0, D.T), x0):.3f}, and read from",
      ", ".join(f"{name} {score:.3f}" for name, score in scores.items()))

# %% tags=["nbval-check-output"]
assert scores["float32"] < 0.97 * min(scores["bfloat16"], scores["8 bits"])
assert max(scores.values()) < 0.9 * rmse(D(x0, D.T), x0)
print("ok: one matrix restores more from float32 than from 8 bits, and something from both")

# %% [markdown]
# **What you saw.** There is a blurry digit in the grey square, though not always the right one. At $T = 20$ bfloat16 costs accuracy (RMSE 0.194
# against 0.172), but does not destroy the task. Trained networks do better.
# ## 3 · How many numbers are left?
# Blur and pixelation are linear. One matrix acts on the columns of an image and on its rows: $D(x, t) = A_t\, x\, A_t^\top$. With the singular value
# decomposition $A_T = U S V^\top$, the image becomes a sum of 32 x 32 = 1,024 patterns. Pattern $(i, j)$ is multiplied by its **gain** $S_i S_j$ and
# mixes with no other. For pixelation and blurred digits $U = V$: gain 1 leaves a pattern as it was. (Photos are blurred with mirrored borders, and
# there $U$ and $V$ differ a little.) Gain 0 erases it. A pattern with gain 0.000001 is still there, but only in a number format with enough
# precision. Rounding drops what lies below half a step of the format. For example, 8 bits have steps of 2/255 between -1 and 1. A rule of thumb: a
# pattern is safe if its gain is above half a step, 1/255. **Predict.** How many patterns of a digit are safe after 40 blurs? And after pixelation?

# %%
PAIRS = {"digits, blur, T = 20": make("deblur", DATA["mnist"], T=20),
         "digits, blur, T = 40": make("deblur", DATA["mnist"]),
         "photos, blur": make("deblur", DATA["cifar10"]),
         "pixelation": make("superres", DATA["mnist"])}
COLOURS = "#d55e00", "#0072b2", "#009e73", "#1a1a1a"
HALF_STEP = {"float32": 2 ** -25, "bfloat16": 2 ** -9, "8 bits": 1 / 255}  # just below 1
gains = {}
for pair, D in PAIRS.items():
    S = torch.linalg.svdvals(D.matrices[D.T])
    gains[pair] = torch.outer(S, S).flatten().sort(descending=True).values  # (1024,)
above = {pair: [int((gain > half).sum()) for half in HALF_STEP.values()]
         for pair, gain in gains.items()}

# %%
figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
for (pair, gain), colour, marker in zip(gains.items(), COLOURS, "svo^"):
    axes.loglog(range(1, 1025), gain, color=colour, marker=marker, markevery=0.12, label=pair)
for (name, half), side in zip(HALF_STEP.items(), ("center", "top", "bottom")):
    axes.axhline(half, color="#666666", linestyle=":")
    axes.text(1.01, half, name, va=side, transform=axes.get_yaxis_transform())
axes.set(xlabel="pattern, from the strongest to the weakest", ylabel="gain", ylim=(1e-15, 3),
         title="What is left of each of 1,024 patterns (dotted: half a step)")
axes.legend(loc="lower left")
show(figure, "Gains of 1,024 patterns: blurred digits fall steeply, photos slowly; pixels 16 ones.")
for pair, counts in above.items():
    print(f"What you saw: {pair}: patterns above half a step:",
          ", ".join(f"{count} ({name})" for name, count in zip(HALF_STEP, counts)))

# %% tags=["nbval-check-output"]
assert above["pixelation"] == [16, 16, 16] and above["digits, blur, T = 40"][2] == 1
print("ok: pixelation leaves 4 x 4 = 16 numbers in any format; 8 bits leave one of a blurred digit")

# %% [markdown]
# **What you saw.** Pixelation keeps 16 numbers at full strength, so every format holds them, and erases the rest. Blur erases nothing, but makes
# most patterns tiny. So **blur can be undone in exact arithmetic, pixelation cannot**. In float32 only nine patterns of a digit survive 40 blurs,
# in 8 bits only the mean. (Why did section 1 count 1,001 values? A sum of nine patterns differs from pixel to pixel.) **Predict.** Keep only the $n$
# strongest patterns of the blur, and drop the rest. How many does it take until you can read a digit?

# %%
U, S, Vh = torch.linalg.svd(PAIRS["digits, blur, T = 20"].matrices[20])
strength, x0 = torch.outer(S, S), examples["mnist"].double()
ranked = strength.flatten().sort(descending=True).values

def drawn_with(n):
    """The three digits, drawn with the n strongest patterns alone."""
    kept = strength >= ranked[n - 1] * (1 - 1e-9)
    return (Vh.mT @ (Vh @ x0 @ Vh.mT * kept) @ Vh).float()

columns = {f"n = {n}": drawn_with(n) for n in (1, 9, 13, 45, 145, 1024)}
show(grid(columns, title="Digits drawn with the n strongest patterns of blur"),
     "Three digits drawn with more and more patterns: grey squares, clouds, at last the digits.")

# %% [markdown]
# **What you saw.** Nine or thirteen patterns draw a cloud. To restore a digit from them, a network needs what it learnt from other digits. The few
# numbers only narrow down which digit it can be. All else is invented, and may be wrong.
# ## 4 · All degradations under a slider
# `make(task, dataset)` makes a degradation. Our trained networks know three tasks, for digits and photos. *Deblur* has $T = 40$ for digits, 50 for
# photos. *Superres* is pixelation, $T = 3$. At $t = 1, 2, 3$ it has 16 x 16, 8 x 8 and 4 x 4 blocks. *Inpaint* is a hole with a soft edge, $T = 50$.
# At $r$ pixels from its centre it keeps $\prod_{i=1}^{t} (1 - e^{-r^2 / 2\sigma_i^2})$ of $x_0$, with $\sigma_i = 1.1, 1.2, \dots$ There are
# five more: *noise* (hot diffusion), *mean* (blur down to the mean), *line* (a straight way to the pixelated image), *snow*, and *decolour* for
# photos. In all of them $D(x, 0) = x$. The hole's place, the noise and the snow are random. There `draw` throws the dice once for all severities.

# %%
from colddiff_nb.degradations.tasks import MAKERS
from colddiff_nb.notebook.flipbook import Flipbook

drawn = {f"{task}, {name}": make(task, dataset).draw(3, torch.Generator().manual_seed(1))
         for task in MAKERS for name, dataset in DATA.items()
         if (task, name) != ("decolour", "mnist")}  # digits have no colour to lose

def page(pair, t):
    x0, D = examples[pair.split(", ")[1]], drawn[pair]
    x_t = D(x0, t)
    picture = grid({"$x_0$": x0, "$x_t$": x_t, "stretched": stretched(x_t)})
    return png(picture), f"{pair}: t = {t} of {D.T}, RMSE {rmse(x_t, x0):.3f} to the original."

# %% tags=["nbval-check-output"]
for pair, D in drawn.items():
    assert torch.equal(D(examples[pair.split(", ")[1]], 0), examples[pair.split(", ")[1]])
print(f"ok: for all {len(drawn)} pairs of a degradation and a data set D(x, 0) is exactly x")

# %% [markdown]
# **Predict.** From which severity on can you no longer read a blurred digit? And does stretching the contrast bring back what a hole or pixelation
# took? Choose a degradation and drag the slider. Below it are three severities on one page.

# %%
pages = {}  # all painted beforehand
for pair, D in drawn.items():
    severities = sorted({round(D.T * k / PAGES) for k in range(PAGES + 1)})
    pages[pair] = {t: page(pair, t) for t in severities}
Flipbook(pages, ["degradation", "severity t"]).widget

# %%
CHOSEN = {"deblur": (5, 20, 40), "superres": (1, 2, 3), "inpaint": (10, 25, 50)}
columns, rows = {"$x_0$": [], "little": [], "more": [], "much": []}, []
for task, severities in CHOSEN.items():
    for name, x0 in examples.items():
        rows.append(f"{task}, {name}: t = {', '.join(map(str, severities))}")
        for images, t in zip(columns.values(), (0, *severities)):
            images.append(drawn[f"{task}, {name}"](x0, t)[0].expand(3, 32, 32))
columns = {name: torch.stack(images) for name, images in columns.items()}
show(grid(columns, rows=rows, title="Each row: one image, more and more degraded"),
     "Digits and photos, each untouched and under three severities of blur, pixelation and a hole.")

# %% [markdown]
# **What you saw.** At $t = 5$ (first row) a blurred digit is only a glow. The slider shows $t = 3$ and $t = 7$ around it. Stretching brings a cloud
# back. Nothing brings back what pixelation or the middle of a hole took.
# ## 5 · Which images may you look at?
# Each data set has three splits. `train` is for training. `validation` is for decisions, such as which of two trained networks to keep. `test` is for
# the numbers that you publish. A network that is scored on its training images shows its memory, not its skill. The images were shuffled once, always
# into the same order, so the first few are a fair sample. For your own images, `load("folder:PATH", "train")` reads a folder by the same rules.

# %% tags=["nbval-check-output"]
for name, dataset in DATA.items():
    splits = [load(dataset, split, settings.data) for split in ("train", "validation", "test")]
    seen, _, scored = ({image.numpy().tobytes() for image in images.pixels} for images in splits)
    assert not seen & scored
    print(f"ok: {name}: three splits, and no test image is a training image")

# %% [markdown]
# ## Exercises
# ### 1 · How many numbers are left?
# Count the patterns whose gain is above half a step of a number format. The gain of pattern (i, j) is the product of two singular values of the
# matrix A.

# %% tags=["exercise:count"]
def count(A, half_step):
    """How many of the n * n patterns of D(x) = A x A^T, A (n, n), have a gain above half_step."""
    return None  # todo: replace this line

# %% tags=["check:count"]
def check_count():
    Q = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    cases = [(torch.eye(4), 0.5, 16), (Q @ torch.diag(torch.tensor([1.0, 0.1, 0.01])), 0.005, 6),
             (2 * Q, 3.9, 9), (torch.tensor([[0.0, 1], [0, 0]]), 0.5, 1)]
    answers = [count(A, half_step) for A, half_step, _ in cases]
    if answers[0] is None:
        return "todo: write count(A, half_step)"
    if int(answers[0]) == 4:
        return "not yet: A acts on rows and columns, so an n x n image has n * n patterns"
    if [int(answer) for answer in answers] != [right for *_, right in cases]:
        return "not yet: count the products of two torch.linalg.svdvals(A) above half_step"
    return "ok: now try it on make('deblur', 'mnist').matrices[t] for t = 1, 2, 5, 10, 20, 40"
print(check_count())

# %% [markdown] tags=["solution:count"]
# <details><summary>Solution</summary>
#
# ```python
# def count(A, half_step):
#     S = torch.linalg.svdvals(A)
#     return int((torch.outer(S, S) > half_step).sum())
# ```
# </details>

# %% [markdown]
# ### 2 · A degradation of your own
# A curtain is drawn over the image from the right. At severity t, its t rightmost columns are middle grey (0). The largest severity is T = 32.
# ([contract.py](../colddiff_nb/degradations/contract.py) shows how to make it a task of the package.)

# %% tags=["exercise:curtain"]
def curtain(x0, t):
    """A copy of x0 (B, C, H, 32) with its t rightmost columns set to 0, t = 0..32."""
    return None  # todo: replace this line

# %% tags=["check:curtain"]
def check_curtain():
    x0 = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) + 0.1
    before, answers = x0.clone(), {t: curtain(x0, t) for t in (0, 1, 10, 32)}
    if answers[0] is None:
        return "todo: write curtain(x0, t)"
    if not torch.equal(x0, before):
        return "not yet: x0 itself was changed; the next severity would start from a spoilt image"
    if not all((x[..., 32 - t:] == 0).all() for t, x in answers.items()):
        return "not yet: at severity t the t rightmost columns are 0"
    if not all(torch.equal(x[..., :32 - t], x0[..., :32 - t]) for t, x in answers.items()):
        return "not yet: other columns changed, too (for t = 0: an index of -0 is 0)"
    return "ok: D(x, 0) = x, and nothing is left at T"
print(check_curtain())

# %% [markdown] tags=["solution:curtain"]
# <details><summary>Solution</summary>
#
# ```python
# def curtain(x0, t):
#     return x0 * (torch.arange(32) < 32 - t)
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - A grey square can hold a digit. What is left of it depends on the blur *and* on the number format.
# - Pixelation leaves 16 numbers at full strength. Blur leaves 1,024, most of them too weak for a number format.
# - What the numbers do not tell, a network invents from other images.
#
# **Next:** `02_train`, an appendix, trains the networks. `03_sampling` restores step by step, and `05_inpainting` looks at holes. **References.**
# Bansal et al., [*Cold Diffusion*](https://arxiv.org/abs/2208.09392), section 5. Rissanen et al., [*Generative Modelling With Inverse Heat
# Dissipation*](https://arxiv.org/abs/2206.13397), which also starts from blur.
