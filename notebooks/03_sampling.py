# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 3 · Sampling: from one measurement back to an image
#
# A degradation $D(x, s)$ destroys an image $x$: not at all at severity $s = 0$, most at $s = T$. A trained network R looks at a degraded
# image $x_s$ and its severity $s$, and returns its guess (or *prediction*) $\hat x_0$ of the clean image. There are three ways to use it on a
# measurement $x_T = D(x_0, T)$:
#
# | way | rule | calls of R |
# |---|---|---|
# | direct | $x_0 = R(x_T, T)$ | 1 |
# | Algorithm 1 | $x_{s-1} = D(\hat x_0, s-1)$ for $s = T, \dots, 1$ | T |
# | Algorithm 2 | $x_{s-1} = x_s - D(\hat x_0, s) + D(\hat x_0, s-1)$ for $s = T, \dots, 1$ | T |
#
# Here you move through every step of all three with a slider, for blur, pixelation and masks, on digits, on colour images, and on
# an image of your own. Ten minutes; no GPU needed.
# With a digit that you draw, and on a telephone: <!-- live -->the live page (`make site`)<!-- /live -->.

# %% tags=["setup"]
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
WEIGHTS = "shipped"  # "mine": the newest of your own trainings, from settings.runs
DATA = {name: settings.dataset(name) for name in ("mnist", "cifar10")}  # without internet: {"mnist": "mnist5k", "cifar10": "photos"}
OWN_IMAGE = ""  # the path of an image of yours; without one a face is painted in section 5
IMAGES = settings.choose(16, 2)  # that the table in section 4 scores

# %% [markdown]
# ## 1 · A measurement, and the loop that undoes it
# The images come from the test split, so no network here has seen them. `model(task, data)` fetches a network R with its degradation D.
# The tasks are named after what R does: *deblur* undoes blur, *superres* (super-resolution) pixelation, *inpaint* a grey hole. The line `weights: ...`
# says which weights R has (the first digits of their checksum) and how many training images they have seen, repeats included (768 k: 768,000).

# %%
import torch
from colddiff_nb.data import load, to_float
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook import show

images = {name: load(dataset, "test", settings.data) for name, dataset in DATA.items()}
models = {}


def model(task, data):
    if (task, data) not in models:
        models[task, data] = choose_model(task, DATA[data], WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke"))
        print(f"weights: {task}, {data}: {models[task, data].label}")
    return models[task, data]


restore, degrade, label = model("superres", "mnist")

# %% [markdown]
# Pixelation halves the resolution T = 3 times: 32 → 16 → 8 → 4 pixels a side. This is all of Algorithm 2; only the last line of the
# loop tells it from Algorithm 1, which would be `x_s = D(x0_hat, s - 1)`. R is told two severities: `s`, that of the state
# it looks at, and `start`, that of the measurement. What was measured is certain. All else in $x_s$ was written by R itself, and R may
# correct it.

# %%
x0 = to_float(images["mnist"].pixels[:2])  # (2, 1, 32, 32) in [-1, 1]
D = degrade.draw(len(x0))  # D for these two images; where D is random, this is where the dice fall
x_T = D(x0, D.T)
x_s, start = x_T, torch.full((len(x0),), D.T)  # the severity that was measured
with torch.no_grad():
    for s in range(D.T, 0, -1):
        x0_hat = restore(x_s, torch.full_like(start, s), start)  # R's guess, from what is known so far
        x_s = x_s - D(x0_hat, s) + D(x0_hat, s - 1)
by_hand = x_s
print(f"{D.T} calls of the network, {tuple(by_hand.shape)} restored")

# %% [markdown]
# The package has the three ways as functions of one signature. With `trajectory=True` they also return every state and every guess.

# %% tags=["nbval-check-output"]
from colddiff_nb.sampling import algorithm1, algorithm2, direct

trajectory = algorithm2(restore, D, x_T, trajectory=True)
assert (trajectory.result - by_hand).abs().max() < 1e-4
print("ok: the loop above is algorithm2 (but for rounding: the package keeps x_s in float64);\n    it asked the network at severities", trajectory.severities)

# %% tags=["nbval-check-output"]
assert torch.equal(direct(restore, D, x_T), trajectory.x0_hat[0])
print("ok: direct reconstruction is the first guess of both algorithms; they differ in what they do after it")

# %% [markdown]
# ## 2 · The explorer
# **Predict.** The start $x_T$ of deblurring looks like an even grey. Of its 40 steps, after how many will you read the digit in the state
# $x_s$ of Algorithm 2? And after how many in the network's guess $\hat x_0$?
#
# Run the cell, then drag the slider (or click it and press the arrow keys), press play, tick *stretch contrast*, choose another task, data set or image.
# Upper row: Algorithm 2; lower row: Algorithm 1; from left to right the state, the guess made from it, what the step adds, the error.

# %%
from colddiff_nb.notebook.explorer import Explorer

explorer = Explorer(model, images, folder=settings.runs)
explorer.widget

# %% [markdown]
# Where no widget can live (a preview, a printed page), here is one position of the slider. The cube-root scale makes small changes visible;
# in the chart, solid lines are states, dashed lines guesses, and the vertical line is the slider.

# %% tags=["figure:explorer"]
from colddiff_nb.notebook.figures import describe, frame, strip

k = explorer.steps - 2
show(frame(explorer.comparison, k), describe(explorer.comparison, k))

# %% [markdown]
# The same as a strip: states and guesses of both algorithms.

# %%
T = explorer.steps
show(strip(explorer.comparison, [0, T // 2, T - 8, T - 3, T - 2, T - 1, T]),
     "Deblurring one digit: states stay grey until the last steps, the guesses show a digit from the first step on.")
scores = explorer.comparison.rmse
print(f"What you saw: the state's RMSE is {scores['algorithm2 state'][0]:.3f} at the start, still {scores['algorithm2 state'][T - 1]:.3f} with "
      f"one step to go, and {scores['algorithm2 state'][-1]:.3f} at the end;\n  the first guess already has {scores['direct'][0]:.3f}.")

# %% [markdown]
# **What you saw.** In deblurring the states say little and the guesses much. In the pictures above a digit stands in the very first guess, but in
# the state only after the last step: nearly all detail is written in the last steps. Nor need guesses get better on the way: compare the first
# guess's RMSE with that at the end. The two rows look alike here, as nearly all of both results is written in those last steps. Notebook 06 computes which step writes what, before any network is trained. Now choose *inpainting*: there the hole
# closes from its rim inwards, step by step, and the two rows part.
#
# The slider does no work: every frame was painted when you selected the image.

# %% tags=["nbval-check-output"]
explorer.load = explorer.models = None  # from here on the explorer could not call a network
for k in range(explorer.steps + 1):
    explorer.slider.value = k
    assert bytes(explorer.picture.value) == explorer.frames[k][0] and explorer.label.value.startswith(f"step {k} of")
explorer.load, explorer.models = model, dict(models)
explorer.slider.value = 0
print(f"ok: {explorer.steps + 1} slider positions, {explorer.steps + 1} pictures, not one call of the network")

# %% [markdown]
# ## 3 · Which result agrees with the measurement?
# A restoration that, degraded again, does not give $x_T$ contradicts what was measured. That can be checked without knowing the truth.
#
# **Predict.** Pixelate the three results down to 4 x 4 again. Which of them give $x_T$, with the trained network, and with one that guesses at random?

# %%
restore, degrade, label = model("superres", "mnist")
generator = torch.Generator().manual_seed(0)
networks = {"the trained network": restore, "one that guesses at random": lambda x_s, s, start: torch.randn(x_s.shape, generator=generator)}
print("What you saw: pixelated again, the results differ from the measurement by at most")
for name, network in networks.items():
    results = {"direct": direct(network, D, x_T), "Algorithm 1": algorithm1(network, D, x_T), "Algorithm 2": algorithm2(network, D, x_T)}
    off = {way: (D(result, D.T) - x_T).abs().max().item() * 127.5 for way, result in results.items()}
    print(f"  {name:27}", ", ".join(f"{levels:.3f} ({way})" for way, levels in off.items()), "of 255 grey levels")

# %% [markdown]
# **What you saw.** Algorithm 2 starts from $x_T$ and only ever adds detail whose block means are zero, so it keeps the measurement, whatever the network
# (in pixelation; blurred again, a deblurred image need not give $x_T$).
# The other two hand out a prediction, and agree with the measurement only as far as the network does. (The small networks of this project are built so
# that, for blur and pixelation, they put what was measured back into each prediction; the paper's are not, nor is that of notebook 00.)

# %% tags=["nbval-check-output"]
result = algorithm2(networks["one that guesses at random"], D, x_T)
assert (D(result, D.T) - x_T).abs().max() < 1e-4 < (result - x0).abs().max()
print("ok: with a network that guesses at random Algorithm 2 still returns an image that pixelates to x_T (and is wrong)")

# %% [markdown]
# So to agree with the measurement is not to be right: all that 4 x 4 numbers do not tell is invented, plausibly at best.
#
# **Where D is random.** The hole of inpainting lies in a different place in each image. `degrade.draw` throws these dice once, and the measurement and
# every step use the same draw `D`: Algorithm 2 takes out $D(\hat x_0, s)$ and puts in $D(\hat x_0, s-1)$. Only with one hole in both do they cancel
# outside it, and only if it is the hole of the measurement are the pixels that were seen kept.
#
# ## 4 · All tasks and data sets
# **Predict.** Direct reconstruction asks the network once, the algorithms 3 to 50 times. Which will have the lowest RMSE?

# %%
from colddiff_nb.metrics import rmse
from colddiff_nb.notebook.pictures import grid

rows, pictures, best = [], [], []
for data, task in ((data, task) for data in images for task in ("deblur", "superres", "inpaint")):
    restore, degrade, label = model(task, data)
    x0 = to_float(images[data].pixels[:IMAGES])
    D = degrade.draw(len(x0), torch.Generator().manual_seed(0))
    x_T = D(x0, D.T)
    results = {"degraded": x_T} | {ways.__name__: ways(restore, D, x_T) for ways in (direct, algorithm1, algorithm2)}
    errors = {name: rmse(result, x0) for name, result in results.items()}
    rows.append(f"{task:9}{data:8}" + "".join(f"{error:11.3f}" for error in errors.values()))
    best.append(min(list(errors)[1:], key=errors.__getitem__))
    shown = x0.flatten(1).std(1).argmax()  # the image with most contrast
    pictures.append([image[shown].expand(3, -1, -1) for image in [*results.values(), x0]])

# %%
columns = ["measured", "direct", "Algorithm 1", "Algorithm 2", "original"]
labels, origin = [row[:17] for row in rows], " or ".join(dict.fromkeys(" ".join(chosen.label.split()[:2]) for chosen in models.values()))
show(grid({name: torch.stack([row[i] for row in pictures]) for i, name in enumerate(columns)}, rows=labels, title=f"One test image each: {origin}"),
     "Six rows, one for each task and data set: the measurement, three restorations, the original.")
print(f"RMSE on {IMAGES} test images\n{'':17}{'degraded':>11}{'direct':>11}{'algorithm1':>11}{'algorithm2':>11}", *rows, sep="\n")
print("What you saw: the lowest RMSE is that of", ", ".join(f"{name} in {best.count(name)} of 6" for name in dict.fromkeys(best)))

# %% [markdown]
# **What you saw.** More steps need not mean a lower RMSE (where the numbers of a row look equal, further decimals decide). The network was trained
# (L1 loss) to be close to the original in every pixel, in one go, and closeness pixel by pixel is all that RMSE sees. Notebook 04 measures what else there is (how real the images look), notebook 06 why one would iterate at all.
#
# ## 5 · An image of your own
# Use the upload button of the explorer, or give a path: any size, grey or colour, is cut to its central square and reduced to 32 x 32. Without
# a path, here is a face that no digit network has ever seen.
#
# **Predict.** Restored from blur, pixelation and a hole by networks that know only digits: will it still be a face?

# %%
from PIL import Image, ImageDraw

path = Path(OWN_IMAGE) if OWN_IMAGE else settings.runs / "face.png"
if not OWN_IMAGE:
    path.parent.mkdir(parents=True, exist_ok=True)
    face = Image.new("RGB", (256, 256), "black")
    draw = ImageDraw.Draw(face)
    draw.ellipse((32, 32, 224, 224), outline="white", width=20)
    draw.ellipse((88, 88, 112, 120), fill="white")
    draw.ellipse((144, 88, 168, 120), fill="white")
    draw.arc((80, 96, 176, 184), 30, 150, fill="white", width=16)
    face.save(path)
explorer.data.value = "mnist"
explorer.open(path)
print(f"{path.name} is open in the explorer above, under 'mine'")

# %%
rows, ratios = [], []
for task in ("deblur", "superres", "inpaint"):
    explorer.task.value = task
    comparison = explorer.comparison
    rows.append([comparison.x_T, comparison.direct, comparison.algorithm1.result[0], comparison.algorithm2.result[0], comparison.x0])
    ratios.append(f"{comparison.rmse['algorithm2 state'][-1]:.3f} ({task})")
show(grid({name: torch.stack([row[i] for row in rows]) for i, name in enumerate(columns)}, rows=["deblur", "superres", "inpaint"],
          title="Your own image, restored by networks that know digits"), "The reader's own image: measured, restored in three ways, and as it was.")
print("What you saw: RMSE of Algorithm 2 on your image:", ", ".join(ratios) + ".\n  Compare it with the digits in the table of section 4.")

# %% [markdown]
# **What you saw.** What was measured (pixels outside the hole, block means, the lowest frequencies) pulls the result towards your image; the rest is
# written by a network that knows only strokes of digits. From blur and pixelation the painted face comes back as a ring, like a zero. Behind the
# hole it stays a face: little of it is covered, and the edge of the hole is soft: it leaves a trace of the covered pixels, too faint to see, which
# the network reads (notebook 06, section 5). What was not measured is invented.
#
# ## 6 · Take it home
# The button *save GIF*, or this function, writes what the explorer shows as an animation.

# %% tags=["nbval-check-output"]
explorer.task.value, explorer.number = "superres", 0
explorer.choose(0)
gif = explorer.save_gif(settings.runs / "explorer.gif")
with Image.open(gif) as opened:
    print(f"ok: {gif.name} shows {opened.n_frames} frames, T = 3 steps and the start")

# %% [markdown]
# ## Exercises
# ### 1 · Between the algorithms
# Algorithm 1 forgets the state, Algorithm 2 keeps it. Write the step in between: with `keep = 0` it is Algorithm 1, with `keep = 1`
# Algorithm 2. What Algorithm 2 keeps is the part of $x_s$ that the guess does not explain.

# %% tags=["exercise:between"]
def between(x_s, x0_hat, s, D, keep):
    """x_{s-1} from x_s and the guess x0_hat; D(x, s) is the degradation."""
    return None  # todo: replace this line

# %% tags=["check:between"]
def check_between():
    D, g = (lambda x, s: x + s ** 2 * x ** 2), torch.Generator().manual_seed(0)  # its steps depend on s and on x
    x_s, x0_hat = torch.randn(1, 1, 8, 8, generator=g), torch.randn(1, 1, 8, 8, generator=g)
    for s in (3, 2):
        answers = [between(x_s, x0_hat, s, D, keep) for keep in (0.0, 0.25, 1.0)]
        if answers[0] is None:
            return "todo: write between(x_s, x0_hat, s, D, keep)"
        if not all(torch.is_tensor(answer) and answer.shape == x_s.shape for answer in answers):
            return "not yet: return an image of the shape of x_s"
        if not torch.allclose(answers[0], D(x0_hat, s - 1), atol=1e-4):
            return "not yet: with keep = 0 it must be Algorithm 1"
        if not torch.allclose(answers[2], x_s - D(x0_hat, s) + D(x0_hat, s - 1), atol=1e-4):
            return "not yet: with keep = 1 it must be Algorithm 2"
        if not torch.allclose(answers[1], 0.75 * answers[0] + 0.25 * answers[2], atol=1e-4):
            return "not yet: with keep = 0.25 it must lie a quarter of the way from Algorithm 1 to Algorithm 2"
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
# Time is up after k of the T steps: hand out the newest image that is not degraded (by RMSE an older one may be better, as section 4 shows). Use `trajectory.x` (T + 1 states, the first is $x_T$) and `trajectory.x0_hat`
# (T guesses; guess k was made from state k).

# %% tags=["exercise:stop"]
def stop_early(trajectory, k):
    """The image to hand out after k = 0..T steps."""
    return None  # todo: replace this line

# %% tags=["check:stop"]
def check_stop():
    from colddiff_nb.sampling import Trajectory
    x, x0_hat = ([torch.full((1, 1, 2, 2), float(v)) for v in values] for values in ((0, 1, 2, 3), (10, 11, 12)))
    made = Trajectory(x=x, severities=[3, 2, 1], x0_hat=x0_hat)
    try:
        answers = [stop_early(made, k) for k in range(4)]
        if answers[0] is None:
            return "todo: write stop_early(trajectory, k)"
        values = [float(answer.mean()) for answer in answers]
    except (IndexError, TypeError, AttributeError):
        return "not yet: it must give an image for every k from 0 to T, also for k = T, when there is no guess left"
    if values[0] != 10:
        return "not yet: after 0 steps the state is the measurement itself; something better is known (section 1)"
    if values[:3] != [10, 11, 12]:
        return "not yet: the state is still degraded; which image is the network's opinion of x0 at this moment?"
    return "ok: the guess made from the state, and at the end the state" if values[3] == 3 else "not yet: when all steps are done, x_0 itself is the result"
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
# ### 3 · Where does it happen?
# Which step changes the image most? Return the severity s of the state from which that step starts. (Then try it on the trajectories of the
# explorer, `explorer.comparison.algorithm2`, for each task.)

# %% tags=["exercise:largest"]
def largest_step(trajectory):
    """The severity s whose step x_s -> x_{s-1} has the largest root mean square."""
    return None  # todo: replace this line

# %% tags=["check:largest"]
def check_largest():
    from colddiff_nb.sampling import Trajectory
    whole, pixel = torch.ones(1, 1, 2, 2), torch.tensor([[[[1.0, 0], [0, 0]]]])
    cases = [(4, (whole, 5 * whole, -2 * whole)), (6, (-4 * whole, whole, 0 * whole)),
             (1, (1.2 * whole, 0 * whole, 3 * pixel)), (6, (1.2 * whole, 2 * pixel, 0 * pixel))]  # 3 at one pixel of four is 1.5
    for expected, jumps in cases:
        states = [2 * whole + sum(jumps[:k]) for k in range(4)]
        answer = largest_step(Trajectory(x=states, severities=[6, 4, 1], x0_hat=[torch.zeros(1, 1, 2, 2)] * 3))
        if answer is None:
            return "todo: write largest_step(trajectory)"
        if answer != expected:
            return "not yet: compare the root mean squares of x[k + 1] - x[k], and return a severity out of trajectory.severities"
    return "ok: it finds the step that writes most"
print(check_largest())

# %% [markdown] tags=["solution:largest"]
# <details><summary>Solution</summary>
#
# ```python
# def largest_step(trajectory):
#     changes = [float((after - before).square().mean().sqrt()) for before, after in zip(trajectory.x, trajectory.x[1:])]
#     return trajectory.severities[changes.index(max(changes))]
# ```
# </details>

# %% [markdown]
# ## Quiz
# <details><summary>1. What does Algorithm 2 keep that Algorithm 1 does not?</summary>
#
# The state $x_s$, and with it the measurement: the next state is $x_s$ plus a correction. Algorithm 1 replaces the state by a degraded guess, so
# whatever part of the measurement the first guess does not reproduce is lost at the first step.
# </details>
#
# <details><summary>2. How often is the network called by direct reconstruction, Algorithm 1 and Algorithm 2, and what have they in common?</summary>
#
# Once, T times, T times. The first call is the same for all three, $R(x_T, T)$, so direct reconstruction is the first guess of both algorithms.
# </details>
#
# <details><summary>3. Why is the randomness of a mask drawn once and kept for all steps (<code>degrade.draw</code>)?</summary>
#
# Algorithm 2 subtracts $D(\hat x_0, s)$ and adds $D(\hat x_0, s-1)$. Only if both have the same hole do they cancel outside it, and only if it is the
# hole of the measurement is the known part kept.
# </details>
#
# <details><summary>4. A result of super-resolution pixelates to exactly x_T. Is it therefore right?</summary>
#
# No. It does not contradict the measurement, that is all: section 3 did it with a network that guesses at random. Many images share the same 4 x 4 means.
# </details>
#
# <details><summary>5. What in a restored image was invented, and by what?</summary>
#
# All that the measurement does not determine: the detail below the pixel size, the inside of the hole, the frequencies that the blur removed (as far as
# no faint trace of them is left that float32 can tell). The network wrote there what was plausible among its training images, which is why an unknown
# face gets strokes of digits.
# </details>
