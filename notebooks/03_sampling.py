# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 3 · Sampling: from a degraded image back to a clean one
# A degradation $D(x, s)$ damages an image $x$: not at all at severity $s = 0$, most at $s = T$. A restoration network $R(x_s, s)$ looks at the
# damaged image and returns its guess $\hat x_0$ of the clean one. There are three ways to use it on a measurement $x_T = D(x_0, T)$:
# ```text
# direct       x_T ─R─► guess = result
# Algorithm 1  x_T ─R─► guess ─D─► x_{T-1} ─R─► ... ─► x_0
# Algorithm 2  x_T ─R─► guess ─┐
#               └──────────────┴ correct ─► x_{T-1} ... ─► x_0
# ```
# | way | rule | calls of R |
# |---|---|---|
# | direct | $x_0 = R(x_T, T)$ | 1 |
# | Algorithm 1 | $x_{s-1} = D(\hat x_0, s-1)$ for $s = T, \dots, 1$ | T |
# | Algorithm 2 | $x_{s-1} = x_s - D(\hat x_0, s) + D(\hat x_0, s-1)$ for $s = T, \dots, 1$ | T |
#
# ($T$ is the largest severity, $t$ a severity in training, $s$ the one that a sampler has reached.) When you have finished, you will be able to
# - write the sampling loop yourself, and see in a picture how Algorithms 1 and 2 differ,
# - check whether a restoration agrees with its measurement, without knowing the truth,
# - say which way has the lowest error, and why that is not the whole story.
#
# You need notebook 00. Running takes three minutes on a CPU, reading about fifteen. You can also play with this in a
# browser: <!-- live -->the live page (`make site`)<!-- /live -->.

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
WEIGHTS = "shipped"  #@param ["shipped", "mine"]
DATA = {name: settings.dataset(name) for name in ("mnist", "cifar10")}  # offline: mnist5k, photos
OWN_IMAGE = ""  #@param {type: "string"}
IMAGES = settings.choose(16, 2)  # that the table in section 4 scores
UNCHECKED = settings.smoke or WEIGHTS == "mine"  # the numbers in "What you saw" are for ours

# %% [markdown]
# ## 1 · How does a hole close?
# We begin with **inpainting**: a grey hole grows over a digit in T = 50 steps. All images are test images, so no network here has seen them.
# `model(task, data)` returns a network R with its degradation D. It also prints which weights R has, and how many images they have seen.

# %%
from functools import cache
import torch
from colddiff_nb.data import load, to_float
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook import show
images = {name: load(dataset, "test", settings.data) for name, dataset in DATA.items()}

@cache
def model(task, data):
    where = DATA[data], WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke")
    chosen = choose_model(task, *where)
    print(f"weights: {task}, {data}: {chosen.label}")
    return chosen

restore, degrade, label = model("inpaint", "mnist")

# %% [markdown]
# The hole lies somewhere else in each image. `degrade.draw` chooses the places once. The measurement and every later step then use the same `D`.
# This matters: Algorithm 2 takes out $D(\hat x_0, s)$ and puts in $D(\hat x_0, s-1)$. Outside the hole the two cancel, but only if both have the
# same hole. *With numbers:* a pixel far from the hole is 0.6, and the guess says 0.4. There D changes nothing. So Algorithm 2 gives
# $0.6 - 0.4 + 0.4 = 0.6$, and Algorithm 1 gives 0.4. The paper takes another D, near $x + s\,e$ with the same $e$ for every image. Then
# $D(\hat x_0, s) - D(\hat x_0, s-1)$ is near $e$. The guess cancels, and so does its error. Notebook 06 gives the proof and its limits.
#
# The loop below is all of Algorithm 2. Its last line is the only difference from Algorithm 1, which has `x_s = D(x0_hat, s - 1)`. In code,
# $R(x_s, s)$ is `restore(x_s, s, start)`, with `start` the severity of the measurement. A state is part measured, part guessed. `start` tells our
# deblurring networks how much was measured, and they keep only that.

# %%
x0 = to_float(images["mnist"].pixels[:2])  # (2, 1, 32, 32) in [-1, 1]
D = degrade.draw(len(x0), torch.Generator().manual_seed(1))
x_T = D(x0, D.T)
x_s, start = x_T, torch.full((len(x0),), D.T)
with torch.no_grad():
    for s in range(D.T, 0, -1):
        x0_hat = restore(x_s, torch.full_like(start, s), start)
        x_s = x_s - D(x0_hat, s) + D(x0_hat, s - 1)
by_hand = x_s
print(f"{D.T} calls of the network, {tuple(by_hand.shape)} restored")

# %% [markdown]
# The package has the three ways as functions with one signature. With `trajectory=True` they also return every state and guess.

# %% tags=["nbval-check-output"]
from colddiff_nb.sampling import Trajectory, algorithm1, algorithm2, direct
trajectory = algorithm2(restore, D, x_T, trajectory=True)
assert (trajectory.result - by_hand).abs().max() < 1e-3
print(f"ok: the loop is algorithm2; it asked R at {len(trajectory.severities)} severities")
assert torch.equal(direct(restore, D, x_T), trajectory.x0_hat[0])
print("ok: the direct restoration is the first guess of both algorithms")
known = D(torch.ones_like(x0), D.T) > 0.999  # far from the hole
changes = [way(restore, D, x_T) - x_T for way in (algorithm1, algorithm2)]
first, second = (change[known].abs().max() for change in changes)
assert second < 0.002 and first > 10 * second
print("ok: far from the hole Algorithm 2 changes nothing, Algorithm 1 does")

# %% [markdown]
# ## 2 · The explorer
# **Predict.** Both algorithms start from the same hole and ask the same network. In which row does the hole close first? And do the *guesses* of
# Algorithm 1 get better or worse on the way?
#
# Drag the slider, or click it and press the arrow keys. The upper row is Algorithm 2, the lower row Algorithm 1. From left to right you see the
# state, the guess made from it, what the next step adds, and the guess's error. When you choose an image, all its frames are drawn.

# %%
from colddiff_nb.notebook.explorer import Explorer
from colddiff_nb.notebook.figures import describe, frame, strip

explorer = Explorer(model, images, folder=settings.runs)
explorer.data.value = "cifar10"
seen = explorer.comparison  # what the pictures below show, whatever you choose
explorer.widget

# %% [markdown]
# Without a kernel (on GitHub, or on paper) there is no slider. Here is its position halfway:

# %% tags=["figure:explorer"]
show(frame(seen, seen.steps // 2), describe(seen, seen.steps // 2))

# %%
show(strip(seen),
     "States and guesses: both holes close from the rim, Algorithm 1 spoils the image around.")
ends = {name: seen.rmse[f"{name} state"][-1] for name in ("algorithm1", "algorithm2")}
print(f"What you saw: the RMSE of the measurement is {seen.rmse['algorithm2 state'][0]:.3f}. "
      f"Direct ends at {seen.rmse['direct'][0]:.3f},\n  Algorithm 1 at {ends['algorithm1']:.3f}, "
      f"Algorithm 2 at {ends['algorithm2']:.3f}.")
assert UNCHECKED or ends["algorithm1"] > 1.2 * ends["algorithm2"]

# %% [markdown]
# **What you saw.** In both rows the hole closes ring by ring, equally fast: the masks decide it. Each ring is written by the guess made at that
# moment. But Algorithm 2 only adds inside the hole. It leaves what it can see as it is. Algorithm 1 replaces the *whole* image by a degraded guess
# in every step. Its guesses are a little wrong everywhere, the next guess starts from them, and the errors grow. Its result is its last guess,
# worse than the first (*direct*). Now choose *deblurring* and *mnist*. There the two rows look alike: the states stay grey almost to the end, while
# the first guess already shows a digit. Nearly all detail is written in the last few steps. Notebook 06 computes which step writes what.
# ## 3 · Does the result agree with the measurement?
# Degrade a restoration again. If that does not give $x_T$, the restoration contradicts what was measured. You can check this without knowing the
# truth. **Predict.** We restore digits from 4 x 4 pixels (*superres*), then pixelate the results again. Which of the three give $x_T$? And which of
# them if the network guesses at random?

# %%
restore, degrade, label = model("superres", "mnist")
D = degrade.draw(len(x0))
x_T = D(x0, D.T)
generator = torch.Generator().manual_seed(0)
networks = {"the trained network": restore,
            "a random guess": lambda x_s, s, start: torch.randn(x_s.shape, generator=generator)}
print("What you saw: pixelated again, the results differ from the measurement by at most")
for name, network in networks.items():
    for way in (direct, algorithm1, algorithm2):
        levels = (D(way(network, D, x_T), D.T) - x_T).abs().max().item() * 127.5
        print(f"  {levels:8.3f} of 255 grey levels ({name}, {way.__name__})")

# %% [markdown]
# **What you saw.** Algorithm 2 starts from $x_T$ and only adds detail whose block means are zero. So it keeps the measurement, whatever the network
# says. Direct and Algorithm 1 return a guess, which agrees only as far as the network does. Here all three agree: our small networks end with a
# layer that puts the measured blocks into each guess. So $D(\hat x_0, s) = x_s$, and Algorithm 2 gives the same as Algorithm 1, but for rounding.
# (For holes there is no such layer: no network is told where the hole is. The paper's networks and that of notebook 00 have none.) This holds for
# pixelation. What Algorithm 2 adds to a blurred image does not blur to zero. So a deblurred image need not blur to $x_T$.

# %% tags=["nbval-check-output"]
result = algorithm2(networks["a random guess"], D, x_T)
assert (D(result, D.T) - x_T).abs().max() < 1e-4 < (result - x0).abs().max()
print("ok: with random guesses Algorithm 2 returns an image that agrees with x_T, and is wrong")

# %% [markdown]
# So agreeing with the measurement is not the same as being right. Many digits share the same 4 x 4 numbers. The network invents the rest.
# ## 4 · Which way has the lowest error?
# **Predict.** Direct asks the network once, the algorithms ask it 3 to 50 times. Which will have the lowest RMSE?

# %%
from colddiff_nb.metrics import rmse
from colddiff_nb.notebook.pictures import grid, png
WAYS = {"measured": lambda R, D, x_T: x_T, "direct": direct, "Algorithm 1": algorithm1,
        "Algorithm 2": algorithm2}
errors, pictures = {}, []
for data, task in ((data, task) for data in images for task in ("deblur", "superres", "inpaint")):
    restore, degrade, label = model(task, data)
    x0 = to_float(images[data].pixels[:IMAGES])
    D = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    results = {name: way(restore, D, D(x0, D.T)) for name, way in WAYS.items()}
    errors[f"{task}, {data}"] = {name: rmse(result, x0) for name, result in results.items()}
    shown = x0.flatten(1).std(1).argmax()  # the image with most contrast
    pictures.append([image[shown].expand(3, -1, -1) for image in [*results.values(), x0]])

# %%
import pandas
names = [*WAYS, "original"]
columns = {name: torch.stack(column) for name, column in zip(names, zip(*pictures))}
show(grid(columns, rows=list(errors), title="One test image for each task and data set"),
     "Six rows, one for each task and data set: measurement, three restorations, original.")
table = pandas.DataFrame(errors).T
restored = table.drop(columns="measured").round(6)  # what differs beyond is rounding: a tie
best = restored.eq(restored.min(axis=1), axis=0).sum()
print("What you saw: the lowest RMSE (a tie counts for both) is that of",
      ", ".join(f"{name} in {n} of 6" for name, n in best.items()))
assert UNCHECKED or best["direct"] >= 4
table.round(3)

# %% [markdown]
# **What you saw.** More steps need not give a lower RMSE. The network was trained to come close to the original at once, and RMSE sees nothing
# else. Most of ours learnt by the absolute error (L1) of each pixel. So their first guess is near the *median* of all images that fit $x_T$. (Those
# for pixelation ended with the squared error and SSIM, a score of local structure: they are nearer to the mean.) Both are smoother than any of these
# images (notebook 04). For pixelation Algorithms 1 and 2 tie (section 3). Notebook 04 also scores how real images look (FID).
# ## 5 · An image of your own
# Use the upload button of the explorer, or give a path above. Any picture is cut to its central square and reduced to 32 x 32. Without a path, here
# is a face. No digit network has ever seen one.
#
# **Predict.** Networks that know only digits restore it from blur, from pixelation and from a hole. Will it still be a face?

# %%
from PIL import Image, ImageDraw
face = Image.new("RGB", (256, 256))
draw = ImageDraw.Draw(face)
draw.ellipse((32, 32, 224, 224), outline="white", width=20)
for x in (88, 144):
    draw.ellipse((x, 88, x + 24, 120), fill="white")
draw.arc((80, 96, 176, 184), 30, 150, fill="white", width=16)

# %%
mine = Explorer(model, images, folder=settings.runs)  # a second one: yours stays as you left it
mine.data.value = "mnist"
mine.open(OWN_IMAGE or png(face))
TASKS, made = ("deblur", "superres", "inpaint"), []
for task in TASKS:
    mine.task.value = task
    c = mine.comparison
    made.append([c.x_T, c.direct, c.algorithm1.result[0], c.algorithm2.result[0], c.x0])
columns = {name: torch.stack(column) for name, column in zip(names, zip(*made))}
show(grid(columns, rows=TASKS, title="Your own image, restored by networks that know digits"),
     "The reader's own image: measured, restored in three ways, and as it was.")
errs = {task: rmse(row[3][None], row[4][None]) for task, row in zip(TASKS, made)}  # of Algorithm 2
print("What you saw: RMSE", ", ".join(f"{error:.3f} ({task})" for task, error in errs.items()))
assert UNCHECKED or OWN_IMAGE or errs["deblur"] > 1.5 * errs["inpaint"]

# %% [markdown]
# **What you saw.** What was measured pulls the result towards your image. The rest is written by a network that knows only strokes of digits. From
# blur and pixelation the painted face comes back as a ring, like a zero. Behind the hole it stays a face, because the hole covers little of it. The
# button *save GIF*, or this function, writes the explorer's frames as an animation.

# %% tags=["nbval-check-output"]
mine.task.value = "superres"
mine.choose(0)
gif = mine.save_gif(settings.runs / "explorer.gif")
with Image.open(gif) as opened:
    print(f"ok: {gif.name} shows {opened.n_frames} frames, T = 3 steps and the start")

# %% [markdown]
# ## Exercises
# ### 1 · Between the algorithms
# Algorithm 1 forgets the state, Algorithm 2 keeps it. Write the step in between: `keep = 0` gives Algorithm 1, `keep = 1` gives Algorithm 2. What
# Algorithm 2 keeps is the part of $x_s$ that the guess does not explain.

# %% tags=["exercise:between"]
def between(x_s, x0_hat, s, D, keep):
    """x_{s-1} from x_s and the guess x0_hat; D(x, s) is the degradation."""
    return None  # todo: replace this line

# %% tags=["check:between"]
def check_between():
    D, x_s, x0_hat = (lambda x, s: x + s ** 2 * x ** 2), *torch.randn(2, 1, 1, 8, 8)
    for s in (3, 2):
        answers = [between(x_s, x0_hat, s, D, keep) for keep in (0.0, 0.25, 1.0)]
        if answers[0] is None:
            return "todo: write between(x_s, x0_hat, s, D, keep)"
        second = x_s - D(x0_hat, s) + D(x0_hat, s - 1)
        right = [D(x0_hat, s - 1) * (1 - keep) + second * keep for keep in (0, 0.25, 1)]
        hints = "0 gives Algorithm 1", "0.25 goes a quarter of the way", "1 gives Algorithm 2"
        for answer, image, hint in zip(answers, right, hints):
            if not torch.is_tensor(answer) or not torch.allclose(answer, image, atol=1e-3):
                return f"not yet: keep = {hint}"
    return "ok: both algorithms are ends of one family"
print(check_between())

# %% [markdown] tags=["solution:between"]
# <details><summary>Solution</summary>
#
# ```python
# def between(x_s, x0_hat, s, D, keep):
#     return D(x0_hat, s - 1) + keep * (x_s - D(x0_hat, s))
# ```
# </details>

# %% [markdown]
# ### 2 · Stop early
# Time is up after k of the T steps. Return the newest image that is not degraded. Use `trajectory.x` (T + 1 states, the first is $x_T$) and
# `trajectory.x0_hat` (T guesses; guess k was made from state k).

# %% tags=["exercise:stop"]
def stop_early(trajectory, k):
    """The image to hand out after k = 0..T steps."""
    return None  # todo: replace this line

# %% tags=["check:stop"]
def check_stop():
    made = Trajectory(list(torch.arange(4.0)), [3, 2, 1], list(torch.arange(10.0, 13)))
    for k, right in enumerate((10, 11, 12, 3)):
        try:
            answer = stop_early(made, k)
        except IndexError:
            answer = -1
        if answer is None:
            return "todo: write stop_early(trajectory, k)"
        if answer != right and k < 3:
            return f"not yet: after {k} steps, which is the newest guess of the clean image?"
        if answer != right:
            return "not yet: when all steps are done, x_0 itself is the result"
    return "ok: the guess made from the state, and at the end the state"
print(check_stop())

# %% [markdown] tags=["solution:stop"]
# <details><summary>Solution</summary>
#
# ```python
# def stop_early(trajectory, k):
#     return trajectory.x0_hat[k] if k < len(trajectory.x0_hat) else trajectory.result
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - All three ways share their first guess. Direct stops there. Algorithm 1 degrades each new guess. Algorithm 2 corrects the state.
# - Algorithm 2 keeps what was measured: the pixels outside a hole, the block means of pixelation.
# - Agreement with the measurement is not truth, and the lowest RMSE is not realism.
#
# **Next:** `05_inpainting` draws masks of your own. `06_why_iterate` explains which step writes what. `04_metrics` is about scores. **References.**
# Bansal et al., *Cold Diffusion* ([arXiv 2208.09392](https://arxiv.org/abs/2208.09392)), section 3. Wang et al., *Zero-Shot Image Restoration Using
# Denoising Diffusion Null-Space Model* ([2212.00490](https://arxiv.org/abs/2212.00490)), which enforces agreement in every step.
