# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 6 · Why iterate?
#
# One call of the network predicts $x_0$ (its guess $\hat x_0$). Algorithms 1 and 2 call it up to 50 times. What for? This notebook gives the answer with numbers:
#
# 1. what the iteration changes, measured under the same network;
# 2. what the paper's proof says, and what it does not;
# 3. the one sentence behind Algorithm 2: **each coefficient is written by the prediction made when it returns** (a coefficient is a frequency
#    for blur, a pixel for masks, a piece of detail for pixelation);
# 4. what follows from it: which steps can be skipped, and why noise is a special case;
# 5. when it fails, and which assumption broke.
#
# Fifteen minutes; no GPU needed. Notebook 03 shows the algorithms in motion.

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
WEIGHTS = "shipped"  # "mine": the newest of your own trainings, from settings.runs
DATA = {name: settings.dataset(name) for name in ("mnist", "cifar10")}  # without internet: {"mnist": "mnist5k", "cifar10": "photos"}
IMAGES = settings.choose(128, 2)  # test images behind every number

# %% [markdown]
# ## 1 · One network, three ways
# `models` holds a network R and its degradation D for each task and data set; `measured` degrades test images with a fixed draw of the mask centres.

# %%
import torch
import matplotlib.pyplot as plt
from colddiff_nb.data import load, to_float
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook import show
from colddiff_nb.sampling import algorithm1, algorithm2, direct

TASKS = ("deblur", "superres", "inpaint")
test = {name: load(dataset, "test", settings.data) for name, dataset in DATA.items()}
models = {(task, data): choose_model(task, DATA[data], WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke"))
          for data in test for task in TASKS}
for (task, data), chosen in models.items():
    print(f"weights: {task}, {data}: {chosen.label}")

# %%
def measured(task, data="mnist", n=IMAGES):
    """Originals, the drawn degradation and the measurement x_T of n test images."""
    x0 = to_float(test[data].pixels[:n])
    D = models[task, data].degrade.draw(n, torch.Generator().manual_seed(0))
    return x0, D, D(x0, D.T)


WAYS = {"direct": direct, "Algorithm 1": algorithm1, "Algorithm 2": algorithm2}
COLOURS = {"direct": "#1a1a1a", "Algorithm 1": "#d55e00", "Algorithm 2": "#0072b2"}
MARKERS = {"direct": "D", "Algorithm 1": "s", "Algorithm 2": "o"}
runs = {(*pair, way): sampler(chosen.restore, *measured(*pair)[1:], trajectory=True)
        for pair, chosen in models.items() for way, sampler in WAYS.items()}
print(f"{len(runs)} restorations of {IMAGES} images")

# %% [markdown]
# Three scores: RMSE (lower is better: on average right), SSIM (higher is better: alike in structure), and *detail*: the energy of the finest
# differences (each pixel against the mean of its 2 x 2 block) as a share of the original's. 100 % is the right amount, though not always in the right
# place; less is blurred, more is noise or false detail.
#
# **Predict.** Which of the three ways wins in RMSE? In SSIM? In detail?

# %%
from colddiff_nb.metrics import rmse, ssim


def detail(x, x0):
    finest = [image - torch.nn.functional.avg_pool2d(image, 2).repeat_interleave(2, -1).repeat_interleave(2, -2) for image in (x.clamp(-1, 1), x0)]
    return 100 * float(finest[0].square().sum() / finest[1].square().sum())


SCORES = {"RMSE": rmse, "SSIM": ssim, "detail (%)": detail}
scores = {(key, name): score(run.result, measured(*key[:2])[0]) for key, run in runs.items() for name, score in SCORES.items()}
DECIMALS = {"RMSE": 3, "SSIM": 3, "detail (%)": 1}
print(f"{f'{IMAGES} test images':18}" + "".join(f"{name:^24}" for name in SCORES))
print(" " * 18 + "".join(f"{way.replace('orithm', '.'):>8}" for _ in SCORES for way in WAYS))
for pair in models:
    print(f"{' '.join(pair):18}" + "".join(f"{scores[(*pair, way), name]:8.{DECIMALS[name]}f}" for name in SCORES for way in WAYS))

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
OFF = {"RMSE": lambda score: score, "SSIM": lambda score: -score, "detail (%)": lambda score: abs(score - 100)}  # lower is better
for panel, name in zip(panels, SCORES):
    for way in WAYS:
        values = [scores[(*pair, way), name] for pair in models]
        panel.plot(values, range(6), MARKERS[way], color=COLOURS[way], label=way, markersize=8, fillstyle="none", markeredgewidth=1.8)
    panel.set(xlabel=name, yticks=range(6), yticklabels=[" ".join(pair) for pair in models])
    panel.grid(color="#d4d4d4")
    off = {way: [round(OFF[name](scores[(*pair, way), name]), DECIMALS[name]) for pair in models] for way in WAYS}
    wins = {way: sum(value == min(values) for value, values in zip(off[way], zip(*off.values()))) for way in WAYS}  # equal as printed: both win
    print(f"What you saw: best {name}:", ", ".join(f"{way} in {count} of 6" for way, count in wins.items()))
panels[0].invert_yaxis()
panels[2].axvline(100, color="#666666", linestyle=":")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
show(figure, "RMSE, SSIM and detail of direct reconstruction, Algorithm 1 and Algorithm 2 for the six pairs of task and data set.")

# %% [markdown]
# **What you saw** (equal as printed counts for both). Which way is best depends on the score and on the task: direct wins in RMSE, an iteration mostly in detail. (Blurred digits start from T = 40 here.) A network trained with
# an L1 loss answers at each pixel with something like the median of all images that fit: near to all of them, which RMSE rewards, and smoother than they are. An iteration can put detail back
# (*deblur mnist*), or more than there was (*inpaint cifar10* by Algorithm 1). So "Algorithm 2 is better" is no statement until
# it names a score. Notebook 04 adds the Frechet distance, the score that looks at whole sets of images.
#
# ## 2 · The proof, as a running check
# The paper proves: if $D(x, s) = x + s\,e$, with $e$ independent of $x$, Algorithm 2 returns $x_0$ exactly **for any R**. Take an R that answers with random images.
#
# **Predict.** What will Algorithm 1 return with that R?

# %% tags=["nbval-check-output"]
class Shift:
    """D(x, s) = x + s e."""
    T, e = 10, torch.linspace(-0.1, 0.1, 32 * 32).view(1, 1, 32, 32)

    def __call__(self, x, s):
        return x + s * self.e


def guess_at_random(x_s, s, start=None):
    return torch.rand(x_s.shape, generator=torch.Generator().manual_seed(int(s[0]))) * 2 - 1


x0 = to_float(test["mnist"].pixels[:2])
second, first = (sampler(guess_at_random, Shift(), Shift()(x0, 10)) for sampler in (algorithm2, algorithm1))
assert (second - x0).abs().max() < 1e-5 and torch.equal(first, guess_at_random(x0, [1]))
print("ok: with D = x + s e, Algorithm 2 is exact though R guesses at random; Algorithm 1 is R's last guess")

# %% [markdown]
# What does that prove? Tolerance, not skill: D knew $e$, so the answer was in D. Blur, pixelation and masks are not of that form. Same R, the three D of this project:

# %% tags=["nbval-check-output"]
for task in TASKS:
    x0, D, x_T = measured(task, n=2)
    error = (algorithm2(guess_at_random, D, x_T) - x0).abs().max()
    print(f"ok: the proof does not cover {task}: with the R that guesses at random the result is wrong" if error > 0.5 else f"{task}: exact?")

# %% [markdown]
# ## 3 · Each coefficient is written by the prediction made when it returns
# Algorithm 2 adds up. Unrolled, without any approximation,
#
# $$x_0 = x_T + \sum_{s=1}^{T} \big[ D(\hat x_0^{(s)}, s-1) - D(\hat x_0^{(s)}, s) \big] = x_T + \sum_{s=1}^{T} (A_{s-1} - A_s)\, \hat x_0^{(s)},$$
#
# where $\hat x_0^{(s)}$ is the prediction made at severity $s$ and the second form holds for a linear $D(x, s) = A_s x$. So the prediction at $s$ is only asked for
# $A_{s-1} - A_s$: what comes back between $s$ and $s-1$. Algorithm 1 keeps the last prediction alone.
#
# Each D of this project treats the right coefficients one by one: blur multiplies every frequency by a number, a mask every pixel, and pixelation keeps or
# drops whole bands of detail. In such a basis all $A_s$ are diagonal, and so is $A_{s-1} - A_s$: one share for each coefficient.

# %% tags=["nbval-check-output"]
for task in TASKS:
    _, D, x_T = measured(task)
    run = runs[task, "mnist", "Algorithm 2"]
    total = x_T + sum(D(x0_hat, s - 1) - D(x0_hat, s) for s, x0_hat in zip(run.severities, run.x0_hat))
    assert (total - run.result).abs().max() < 1e-3
    assert torch.equal(runs[task, "mnist", "Algorithm 1"].result, runs[task, "mnist", "Algorithm 1"].x0_hat[-1])
    print(f"ok: {task}: Algorithm 2 is x_T plus one contribution of each prediction; Algorithm 1 is its last prediction")

# %% [markdown]
# ### Super-resolution: three bands
# $A_{s-1} - A_s$ takes the detail that pixels of size $2^{s-1}$ show and pixels of size $2^s$ do not: 8x8 detail from the prediction at $s=3$, 16x16 from $s=2$, 32x32 from
# $s=1$. The bands are orthogonal, so the squared error is the sum of the bands' errors.
#
# **Predict.** In which band is the largest part of the error? Does the iteration lower it there?

# %%
x0, D, x_T = measured("superres")
BANDS = {"4x4 (measured)": (3, None), "8x8 detail": (2, 3), "16x16 detail": (1, 2), "32x32 detail": (0, 1)}


def band_errors(x):
    off = (x - x0) / 2  # on [0, 1]
    return [float((D(off, fine) - (0 if coarse is None else D(off, coarse))).square().mean()) for fine, coarse in BANDS.values()]


bands = {way: band_errors(runs["superres", "mnist", way].result) for way in WAYS}
for way, values in bands.items():
    print(f"{way:11} squared error {sum(values):.5f}:", ", ".join(f"{value:.5f} {name.split()[0]}" for name, value in zip(BANDS, values)))

# %% [markdown]
# The same as stacked bars (the measured band has no error to show). Algorithms 1 and 2 agree here because these networks put what the state shows back into
# each prediction (notebook 03, section 3): the last prediction repeats the 8x8 and 16x16 detail that $x_1$ shows.

# %%
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
left = torch.zeros(3)
for i, (name, colour, hatch) in enumerate(zip(BANDS, ("#1a1a1a", "#0072b2", "#56b4e9", "#e69f00"), ("", "//", "..", ""))):
    values = torch.tensor([bands[way][i] for way in WAYS])
    axes.barh(list(WAYS), values, left=left, color=colour, label=name, hatch=hatch, edgecolor="white")
    left = left + values
axes.set(xlabel="mean squared error on [0, 1]", title=f"Super-resolution: error per band, {models['superres', 'mnist'].label}")
axes.invert_yaxis()
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(figure, "Stacked bars of the squared error in four bands for direct reconstruction, Algorithm 1 and Algorithm 2.")
largest = max(range(len(BANDS)), key=bands["direct"].__getitem__)
print(f"What you saw: the largest part of the error of direct, {bands['direct'][largest] / sum(bands['direct']):.0%}, is in the {list(BANDS)[largest]};\n"
      "the iteration changes it by", ", ".join(f"{bands[way][largest] / bands['direct'][largest] - 1:+.1%} ({way})" for way in list(WAYS)[1:]))

# %% tags=["nbval-check-output"]
run, kept = runs["superres", "mnist", "Algorithm 2"], runs["superres", "mnist", "Algorithm 2"].result
for way, values in bands.items():
    assert abs(sum(values) - float(((runs["superres", "mnist", way].result - x0) / 2).square().mean())) < 1e-5
print("ok: the squared error is the sum of its bands' errors")
for s, x0_hat in zip(run.severities, run.x0_hat):
    assert ((D(kept, s - 1) - D(kept, s)) - (D(x0_hat, s - 1) - D(x0_hat, s))).abs().max() < 1e-4
    print(f"ok: the {32 // 2 ** (s - 1)}x{32 // 2 ** (s - 1)} detail of Algorithm 2's result is that of the prediction at s = {s}, and of no other")
assert bands["Algorithm 2"][0] < 1e-10
print("ok: its 4x4 band is the measurement's")

# %% [markdown]
# ### Deblurring: the map step x frequency
# Circular blur multiplies each frequency $(f, g)$ by a gain $\lambda_s(f, g)$. The prediction at $s$ writes the share $\lambda_{s-1} - \lambda_s$ of it. That can be computed
# **from D alone**, before any network is trained.
#
# **Predict.** Of the 40 predictions, how many matter?

# %%
f = torch.fft.fftfreq(32, 1 / 32).abs().long()  # 0, 1, ..., 16, ..., 1: the order of torch.fft
blur = models["deblur", "mnist"].degrade  # its waves: the mean, then a cosine and a sine of each f
gain = blur.gains[:, (2 * f - 1).clamp(min=0)]  # (T + 1, 32): what D multiplies frequency f by
gains = gain[:, :, None] * gain[:, None, :]  # (T + 1, 32, 32): of the frequency (f, g)
weights = gains[:-1] - gains[1:]  # weights[s - 1]: what the prediction at s writes
T = len(weights)
written = weights.cumsum(0) / (1 - gains[-1])  # written[n - 1]: the share of what was lost that the last n predictions write
needed = (written >= 0.9).double().argmax(0) + 1.0  # (32, 32): how many of the last predictions write 90 % of (f, g)
needed[0, 0] = float("nan")  # the mean grey is never lost
print(f"{T} predictions write {needed.numel():,} frequencies")

# %% [markdown]
# Left the shares along one axis (orange is negative: that prediction is subtracted); right, for the lowest frequencies of both axes, how many of the *last*
# predictions it takes to write 90 % (the empty field is the mean grey, which blur keeps).

# %% tags=["figure:map"]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", width_ratios=(1.25, 1))
edges = torch.arange(T + 1) + 0.5
picture = left.pcolormesh(torch.arange(18) - 0.5, edges, weights[:, :17, 0], cmap="PuOr", vmin=-1.2, vmax=1.2)
left.set(yscale="log", yticks=[1, 2, 3, 5, 10, 20, 40], yticklabels=[1, 2, 3, 5, 10, 20, 40], ylabel="severity s of the prediction",
         xlabel="frequency f (cycles an image), g = 0", title="share of frequency f written by the prediction at s")
left.minorticks_off()
left.invert_yaxis()
figure.colorbar(picture, ax=left)
low = torch.arange(-5, 6)
right.imshow(needed[low][:, low], cmap="cividis_r", vmin=1, vmax=needed.nan_to_num().max(), extent=(-5.5, 5.5, 5.5, -5.5))
for f, g in ((f, g) for f in low.tolist() for g in low.tolist() if (f, g) != (0, 0)):
    right.text(f, g, int(needed[g, f]), ha="center", va="center", color="white" if needed[g, f] > 5 else "#1a1a1a")
right.set(xlabel="frequency f", ylabel="frequency g", title="how many last predictions write 90 %")
show(figure, "Left: the share of each frequency that each prediction writes; only the lowest are written early. Right: a number for each low frequency.")
late = int((weights[:3].sum(0) >= 0.9).sum())
print(f"What you saw: {late:,} of {gains[0].numel():,} frequencies get at least 90 % of their weight from the last 3 of {T} predictions;\n"
      f"the smallest weight is {weights.min():.2f}: negative, so the result is no average of the predictions.")

# %% [markdown]
# The map is about D, the result about the network; do they fit? Take the Fourier transform of Algorithm 2's result and of its predictions.

# %% tags=["nbval-check-output"]
run, (x0, D, x_T) = runs["deblur", "mnist", "Algorithm 2"], measured("deblur")
written = torch.fft.fft2(x_T.double())
for s, x0_hat in zip(run.severities, run.x0_hat):
    written = written + weights[s - 1] * torch.fft.fft2(x0_hat.double())
error = (torch.fft.ifft2(written).real - run.result).abs().max()
assert error < 1e-3
print("ok: every frequency of the deblurred images is the measured one plus the predictions', weighted by the map")

# %% [markdown]
# ### Inpainting: ring by ring
# A mask multiplies each pixel by a number: the pixels are its coefficients, and each returns at a severity that depends on its distance to the centre alone.
#
# **Predict.** Which is painted first, the rim of the hole or its middle?

# %%
masks = models["inpaint", "mnist"].degrade.table.double()  # (T + 1, squared distances): what each mask lets through
returned = (masks[:-1] - masks[1:]) / (1 - masks[-1:]).clamp(min=1e-12)  # share of what is lost that prediction s writes
half = [int((returned[:, r * r].cumsum(0) < 0.5).sum()) + 1 for r in range(16)]  # by radius, from s = 1 upwards
print(f"{len(returned)} predictions, and how much of a pixel each of them writes, for every distance from the centre")

# %% [markdown]
# Left, for a hole in the middle, the severity by which half of each pixel is back (white corners: never hidden); right what each prediction writes at four distances.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", width_ratios=(1, 1.6))
y, x = torch.meshgrid(torch.arange(32) - 15, torch.arange(32) - 15, indexing="ij")
squared = x * x + y * y
when = torch.where(masks[-1, squared] < 0.99, (returned[:, squared].cumsum(0) < 0.5).sum(0) + 1.0, float("nan"))
picture = left.imshow(when, cmap="cividis", vmin=1, vmax=50)
left.set(title="severity by which half has returned", xticks=[], yticks=[])
figure.colorbar(picture, ax=left)
for r, style, colour in zip((2, 5, 8, 10), ("-", "--", "-.", ":"), ("#0072b2", "#d55e00", "#1a1a1a", "#e69f00")):
    right.plot(range(1, 51), returned[:, r * r], style, color=colour, label=f"radius {r} px", linewidth=2)
right.set(xlabel="severity s of the prediction", ylabel="share it writes", title="who writes a pixel at this distance")
right.invert_xaxis()
right.legend()
show(figure, "Left: pixels far from the centre return first. Right: each radius is written by the predictions of a few dozen neighbouring severities.")
print("What you saw: half of a pixel is back at", ", ".join(f"s = {half[r]} (radius {r} px)" for r in (2, 5, 8, 10)) + ".\n  The hole closes from its rim.")

# %% tags=["nbval-check-output"]
assert half[2] < half[5] < half[8] < half[10]
print("ok: rim before middle: radius 10 px returns at s =", half[10], "then 8 px at", half[8], "then 5 px at", half[5], "and 2 px at", half[2])

# %% [markdown]
# So in inpainting the late predictions see the ring that the earlier ones have painted, and can continue its strokes. A single guess cannot: it is made
# when nothing is painted yet. To continue strokes is not to be right: here are the two digits that the hole hurts most, and in section 1 *direct* has
# a lower RMSE than Algorithm 2 for this task.

# %%
from colddiff_nb.notebook.pictures import grid

run, (x0, D, x_T) = runs["inpaint", "mnist", "Algorithm 2"], measured("inpaint")
hidden = (x_T - x0).square().flatten(1).sum(1).topk(2).indices  # the two images that the hole hurts most
columns = {f"s = {s}": run.x[50 - s][hidden] for s in (50, 40, 30, 20, 10, 5, 0)} | {"original": x0[hidden]}
show(grid(columns, title=f"States of Algorithm 2, {models['inpaint', 'mnist'].label}"), "Two digits whose holes close from the rim to the middle.")

# %% [markdown]
# ## 4 · What follows
# ### How far does one have to degrade? The effect of T
# A network trained for severities up to T also restores from less. The three ways, started from several severities.
#
# **Predict.** Does the gap between direct and Algorithm 2 widen with T? Is direct always ahead?

# %%
STARTS = {"deblur": (1, 2, 3, 5, 10, 20, 40), "superres": (1, 2, 3), "inpaint": (5, 10, 20, 30, 40, 50)}


def error_from(T, task, way):
    x0, D, _ = measured(task)
    result = runs[task, "mnist", way].result if T == D.T else WAYS[way](models[task, "mnist"].restore, D, D(x0, T), T)
    return rmse(result, x0)


errors = {task: {way: [error_from(T, task, way) for T in starts] for way in WAYS} for task, starts in STARTS.items()}
print("What you saw: RMSE of Algorithm 2 minus that of direct, from each severity")
for task, starts in STARTS.items():
    both = zip(starts, errors[task]["direct"], errors[task]["Algorithm 2"])
    print(f"  {task:9}", ", ".join(f"{second - first:+.3f} ({T})" for T, first, second in both))

# %% [markdown]
# The same as curves.

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for panel, (task, starts) in zip(panels, STARTS.items()):
    for way, values in errors[task].items():
        panel.plot(starts, values, MARKERS[way] + "-", color=COLOURS[way], label=way, fillstyle="none")
    panel.set(title=task, xlabel="severity of the measurement", ylabel="RMSE", ylim=(0, None), xticks=[1, 2, 3] if task == "superres" else range(0, 51, 10))
    panel.grid(color="#d4d4d4")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
show(figure, "RMSE of the three ways against the severity of the measurement, for the three tasks on digits.")

# %% [markdown]
# **What you saw.** In inpainting and super-resolution the gap grows with T. In deblurring it changes its sign: from middle severities Algorithm 2 has the *lower* RMSE,
# from the full T direct has. From T = 1 all three are the same, or nearly. From further away, more predictions are made. Each sees more than the one before, and each sees
# a state into which the errors of the earlier ones were written. Where the line of *direct* is the lowest, the steps have added more error than they took away: for RMSE
# direct is then the better choice, and it costs one call of the network instead of T.
#
# ### Which steps can be skipped?
# The samplers accept the severities to visit: `T=[40, 3, 2, 1]` asks the network 4 times instead of 40. Then the prediction at 40 also writes what those at 39 ... 4 would have
# written. The map says how much that is: the **moved weight**, averaged over all coefficients. It needs no network.
#
# Skipping does two things: it moves weight, and it changes the states that the next predictions are made from. To tell them apart, each schedule is run
# twice: with *the predictions of all steps*, so that only weight moves, and *really*, with predictions made from its own states.

# %%
SCHEDULES = {"deblur": ([40, 3, 2, 1], [40, 20, 10, 1], [40, 30, 20, 10], [40, 1], [40, 20, 10, 5, 4, 3, 2, 1]),
             "inpaint": ([50, 40, 30, 20, 10], [50, 3, 2, 1], list(range(50, 0, -2)), [50, 25], [50, 40, 30])}
share = {"deblur": weights.abs().flatten(1).mean(1), "inpaint": (masks[:-1, squared] - masks[1:, squared]).flatten(1).mean(1)}  # (T,) by s - 1


def skipped(task, visited):
    """Moved weight; RMSE to the result of all steps with their predictions, and with its own; RMSE to the original."""
    (x0, D, x_T), run = measured(task), runs[task, "mnist", "Algorithm 2"]
    moved = 1 - float(share[task][torch.tensor(visited) - 1].sum() / share[task].sum())
    guess = dict(zip(run.severities, run.x0_hat))
    same = x_T + sum(D(guess[s], after) - D(guess[s], s) for s, after in zip(visited, [*visited[1:], 0]))
    own = algorithm2(models[task, "mnist"].restore, D, x_T, visited)
    return moved, rmse(same, run.result), rmse(own, run.result), rmse(own, x0)


print(f"{sum(map(len, SCHEDULES.values()))} schedules to try")

# %% [markdown]
# **Predict.** For deblurring, order the schedules `[40, 3, 2, 1]`, `[40, 20, 10, 1]` and `[40, 30, 20, 10]` by how far their results will be from that
# of all steps.

# %%
tried = {task: [skipped(task, visited) for visited in schedules] for task, schedules in SCHEDULES.items()}
named = lambda visited: str(visited) if len(visited) < 9 else f"[{visited[0]}, {visited[1]}, ..., {visited[-1]}]"
print(f"{'':37}moved   RMSE to the result of all steps   RMSE to the\n{'':36}weight   with their guesses   its own      original")
for task, schedules in SCHEDULES.items():
    for visited, (moved, same, own, error) in zip(schedules, tried[task]):
        print(f"{task:7} {named(visited):27} {moved:6.1%} {same:20.3f} {own:9.3f} {error:13.3f}")
    rank = torch.tensor(tried[task])[:, :3].argsort(0).argsort(0).double()
    agreement = torch.corrcoef(rank.T)[0]
    print(f"  order by the map against the order measured: rank correlation {agreement[1]:.2f} and {agreement[2]:.2f}")

# %% [markdown]
# The same as bars, each column with a scale of its own: what the map predicts, what moving the weight alone does, what skipping really does.

# %%
figure, axes = plt.subplots(2, 3, figsize=(11, 4.4), layout="constrained", sharey="row", sharex="col")
for panels, (task, schedules) in zip(axes, SCHEDULES.items()):
    rows = sorted((*values[:3], named(visited)) for visited, values in zip(schedules, tried[task]))
    moved, same, own, names = zip(*rows)
    for panel, values, colour, hatch in zip(panels, (moved, same, own), ("#0072b2", "#e69f00", "#d55e00"), ("", "..", "//")):
        panel.barh(names, values, color=colour, hatch=hatch, edgecolor="white")
    panels[0].invert_yaxis()
    panels[0].set(ylabel=task)
for panel, title, label in zip(axes.T, ("predicted by the map", "same predictions, weight moved", "really skipped"),
                               ("share of the weight that is moved", "RMSE to the result of all steps", "RMSE to the result of all steps")):
    panel[0].set(title=title)
    panel[1].set(xlabel=label)
    panel[1].locator_params(axis="x", nbins=4)
figure.align_ylabels(axes[:, 0])
show(figure, "For each schedule bars of the moved weight, of the change that it causes alone, and of the change when the steps are really skipped.")

# %% [markdown]
# **What you saw.** The map is about *weight*, and for weight it is right: the less is moved, the less changes, as long as the predictions stay the same
# (exactly the same order it need not be: coefficients differ in size, and where two predictions agree, moving weight between them costs nothing). What it
# cannot know is how the network answers when a skipped step leaves a slightly different state. The *order* mostly stays (the rank correlations); the *size* does not. In deblurring
# the network has to read the last decimals of $x_s$ and may answer a tiny change with a visible one: really skipped, steps that write nearly nothing change
# the result nearly as much as a schedule that moves all weight. They still steer. In inpainting the two columns lie nearer together. But far from the result of all steps is not worse: in the table's last
# column every schedule for deblurring comes nearer to the original than all steps do in section 1 (Algorithm 2), and none for inpainting ends farther from it; none comes nearer than direct. Fewer steps are fewer errors
# written; [the results](../results/details.md#other-samplers-the-same-weights) have *Algorithm 2, at most 5 calls* for blur and masks.
#
# ### Noise in three lines
# Hot diffusion is the same with $D(x_0, s) = \sqrt{\bar\alpha_s}\, x_0 + \sqrt{1 - \bar\alpha_s}\, z$. The noise $z$ is not known, so it is estimated from $x_s$ and $\hat x_0$, in such a
# way that $D(\hat x_0, s)$ is $x_s$ itself (so here Algorithm 1 takes the same step). The restorer here needs no training: the mean of 200 test digits, weighted by how well they explain $x_s$.

# %%
steps = torch.arange(21.0)
abar = torch.cos(steps.double() / 20 * 0.98 * torch.pi / 2) ** 2  # 1 at s = 0, nearly 0 at s = 20
digits = to_float(test["mnist"].pixels[:200]).double()


def posterior_mean(x_s, s, start=None):
    far = (x_s.flatten(1)[:, None] - abar[s].sqrt() * digits.flatten(1)[None]).square().sum(2) / (2 * (1 - abar[s]))
    return (torch.softmax(-far, dim=1) @ digits.flatten(1)).view_as(x_s)


print(f"a restorer that knows {len(digits)} digits by heart, and a noise schedule of {len(abar) - 1} steps")

# %% [markdown]
# From the same noise, Algorithm 2 in three lines, and beside it [DDIM](https://arxiv.org/abs/2010.02502), the usual sampler without fresh noise, as its authors
# write it.

# %% tags=["nbval-check-output"]
x_cold = x_ddim = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for s in range(20, 0, -1):
    x0_hat = posterior_mean(x_cold, s)
    z = (x_cold - abar[s].sqrt() * x0_hat) / (1 - abar[s]).sqrt()  # 1: the noise as estimated
    D = lambda x, s, z=z: abar[s].sqrt() * x + (1 - abar[s]).sqrt() * z  # 2: the degradation with it
    x_cold = x_cold - D(x0_hat, s) + D(x0_hat, s - 1)  # 3: Algorithm 2
    predicted = posterior_mean(x_ddim, s)  # DDIM (eta = 0)
    epsilon = (x_ddim - abar[s].sqrt() * predicted) / (1 - abar[s]).sqrt()
    x_ddim = abar[s - 1].sqrt() * (x_ddim - (1 - abar[s]).sqrt() * epsilon) / abar[s].sqrt() + (1 - abar[s - 1]).sqrt() * epsilon
assert (x_cold - x_ddim).abs().max() < 1e-5
print("ok: with estimated noise, Algorithm 2 is DDIM to 1e-5")
assert torch.equal(D(x0_hat, 0), x0_hat)
print("ok: at s = 0 no noise is left: D(x, 0) is x, exactly")

# %% [markdown]
# ## 5 · When it fails, and which assumption broke
# ### Two images, one measurement: D must be injective, up to the precision of the measurement
# Among 1,000 test digits, look for two of different class whose blurred images differ least.
#
# **Predict.** By how many of the 255 grey levels will they differ?

# %%
from colddiff_nb.degradations import measure

pool, labels = to_float(test["mnist"].pixels[:1000]), test["mnist"].labels[:1000]
D = models["deblur", "mnist"].degrade
x_T = D(pool, D.T)
far = torch.cdist(x_T.flatten(1), x_T.flatten(1), p=float("inf")) + 9.0 * (labels[:, None] == labels[None])
pair = torch.tensor(divmod(int(far.argmin()), len(labels)))
columns = {"original": pool[pair], "$x_T$": x_T[pair]}
for name, precision in (("float32", "float32"), ("8 bits", "8bit")):
    columns[f"direct, {name}"] = direct(models["deblur", "mnist"].restore, D, measure(x_T[pair], precision))
show(grid(columns, scale=4, title=f"Two digits, one measurement? {models['deblur', 'mnist'].label}"), "Two digits of different class, their even grey x_T, and what is restored in float32 and in 8 bits.")
levels = 127.5 * (x_T[pair[0]] - x_T[pair[1]]).abs().max()
print(f"What you saw: a {labels[pair[0]]} and a {labels[pair[1]]} whose x_T differ by at most {levels:.4f} of 255 grey levels;\nafter rounding to 8 bits",
      f"{int((measure(x_T[pair[0]], '8bit') != measure(x_T[pair[1]], '8bit')).sum())} of 1,024 pixels differ.")

# %% [markdown]
# In float32 the two are told apart by differences that no camera records. **Broken: one measurement belongs to one image.** Once it is rounded, no algorithm can know which of the two
# it was: at best R would draw what its training makes likely. This R does not even draw a digit, as it was trained on exact $x_T$, and a rounded one is like none of them. (The model that
# was [made for 8 bits](../results/details.md#at-a-glance-rmse) draws no digit either, but a smear that is at least nearer to the original than its input.)
#
# ### Noise on x_T, 8 bits, a wrong D
# For blur R was trained on exact $D(x_0, T)$; for pixelation and masks half of its training images were rounded to 8 bits, so that the row *x_T in 8 bits* is nothing new to it
# there. Noise it never saw. And the samplers use the D that made the measurement.
#
# **Predict.** For which task does a noise of one grey level already ruin the result?

# %%
def faults(task):
    """Ways to break an assumption: name -> measurement and the D the samplers believe in."""
    x0, D, x_T = measured(task)
    noise = torch.randn(x_T.shape, generator=torch.Generator().manual_seed(1)) * 2 / 255
    found = {"none": (x_T, D), "noise 1/255": (x_T + noise, D), "noise 4/255": (x_T + 4 * noise, D), "x_T in 8 bits": (measure(x_T, "8bit"), D)}
    if task == "inpaint":
        found["centre 1 px off"] = (x_T, type(D)(D.degrade, D.randomness + torch.tensor([0, 1])))
    if task != "superres":
        found["T off by 10"] = (D(x0, D.T - 10), D)
    return x0, found


table = {(task, fault, way): rmse(sampler(models[task, "mnist"].restore, D, x_T), x0) for task in TASKS for x0, found in [faults(task)]
         for fault, (x_T, D) in found.items() for way, sampler in WAYS.items()}
print(f"{'RMSE':27}" + "".join(f"{way:>13}" for way in WAYS))
for task, fault in dict.fromkeys(key[:2] for key in table):
    print(f"{task:10}{fault:17}" + "".join(f"{table[task, fault, way]:13.3f}" for way in WAYS))

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
for panel, task in zip(panels, TASKS):
    names = [fault for name, fault, way in table if name == task and way == "direct"]
    for way in WAYS:
        panel.plot([table[task, name, way] for name in names], range(len(names)), MARKERS[way], color=COLOURS[way], label=way, fillstyle="none",
                   markersize=8, markeredgewidth=1.8)
    panel.set(title=task, xlabel="RMSE", xlim=(0, None), yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    panel.grid(color="#d4d4d4")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
show(figure, "RMSE of the three ways under each fault: noise, 8 bits, a wrong centre, a wrong severity; each panel has its own scale.")
print("What you saw: noise of 1/255 multiplies the RMSE of direct by", ", ".join(
    f"{table[task, 'noise 1/255', 'direct'] / table[task, 'none', 'direct']:.1f} ({task})" for task in TASKS))

# %% [markdown]
# Which assumption broke?
#
# | fault | broken assumption |
# |---|---|
# | noise, 8 bits | x_T is $D(x_0, T)$, exactly. At T = 40 the blur divides the lowest frequency by 1,600 (`1 / gains[40, 0, 1]`), the others by far more; R multiplies them back, and the errors with them. Under a soft mask too a trace of nearly every pixel is left, which R reads and amplifies (compare the rows *none* and *noise 1/255*). Rounding spoils that less than noise: R was trained on such images too, and mid-grey is 127.5 of 255, between two levels, so that a trace a little darker than grey can be rounded to 127 while all else becomes 128: of about half of the darker hidden pixels the sign is left ([counted](../results/details.md#what-masks-let-through)). |
# | centre off by one | D at sampling is the D of the measurement. Direct does not use that D at all, and Algorithm 1 hardly minds; Algorithm 2 keeps the state, and with it the seam between the two masks. |
# | T off | the severity is known. R undoes blur that is not there; in inpainting Algorithm 2 writes the ring between the two holes a second time. (This $x_T$ is also less degraded: that inpainting directly improves is no merit of the wrong severity.) |
#
# ### A D without such a basis
# Section 3 needs one basis in which all $A_s$ are diagonal; for that all $A_s$ must commute. Blur then mask: each alone has its basis (Fourier, pixels), both together have none.

# %% tags=["nbval-check-output"]
n, T = 32, 5
shift = torch.roll(torch.eye(n, dtype=torch.float64), 1, 0)
blur = 0.5 * torch.eye(n, dtype=torch.float64) + 0.25 * (shift + shift.T)
hole = [torch.diag(1 - torch.exp(-(torch.arange(n) - 12.0).double() ** 2 / (2 * s ** 2))) for s in range(1, T + 1)]
chains = {"blur": [blur] * T, "mask": hole, "blur then mask": [mask @ blur for mask in hole]}
generator = torch.Generator().manual_seed(0)
for name, chain in chains.items():
    A = [torch.eye(n, dtype=torch.float64)]
    for step in chain:
        A.append(step @ A[-1])
    commute = max(float((a @ b - b @ a).abs().max()) for a in A for b in A)
    assert (commute < 1e-12) == (name != "blur then mask")
    print(f"ok: {name}: all A_s commute" if commute < 1e-12 else f"ok: {name}: they do not commute: no basis, no 'written when it returns'")

# %% [markdown]
# **Broken: one basis for all severities.** The sum of section 3 still holds, as D is linear. But $A_{s-1} - A_s$ is no longer a share of each coefficient:
# what a prediction writes into one of them depends on all the others, and no map tells in advance which step writes what.
#
# ## So, why iterate?
# Because a prediction made late sees what has been written before, and Algorithm 2 lets it write only what has just come back. Whether that helps depends on the D (how is the weight spread
# over the steps?), on the network (are its late predictions better?) and on the score (RMSE likes the one smooth guess). From the full T it helped here
# in detail mostly (section 1), and in RMSE where less was lost (blur from middle severities, section 4).
#
# ## Exercises
# ### 1 · Who writes what
# Given the gains of all coefficients at all severities, gains[s] for s = 0..T, return the weight with which the prediction at severity s writes each coefficient.

# %% tags=["exercise:writes"]
def writes(gains, s):
    """gains: (T + 1, n) with gains[0] = 1. Returns (n,): what the prediction at severity s (1..T) writes."""
    return None  # todo: replace this line

# %% tags=["check:writes"]
def check_writes():
    made = torch.cat([torch.ones(1, 6), torch.rand(4, 6, generator=torch.Generator().manual_seed(0))]).cumprod(0)
    try:
        answers = [writes(made, s) for s in range(1, 5)]
        if answers[0] is None:
            return "todo: write writes(gains, s)"
        total = sum(answers)
    except (IndexError, TypeError):
        return "not yet: s runs from 1 to T, and gains has T + 1 rows"
    if not torch.is_tensor(total) or total.shape != (6,):
        return "not yet: return one number for each of the n coefficients"
    if not torch.allclose(total, 1 - made[-1]):
        return "not yet: x_T holds gains[T], so all predictions together must write 1 - gains[T]"
    if not all(torch.allclose(answer, before - after) for answer, before, after in zip(answers, made, made[1:])):
        return "not yet: the prediction at s writes what returns between severities s and s - 1"
    return "ok: all predictions together write what the measurement has lost"
print(check_writes())

# %% [markdown] tags=["solution:writes"]
# <details><summary>Solution</summary>
#
# ```python
# def writes(gains, s):
#     return gains[s - 1] - gains[s]
# ```
# </details>

# %% [markdown]
# ### 2 · A good schedule
# You may call the network only `calls` times. share[s - 1] is how much the prediction at s writes. Choose falling severities, the first of them T, so that the least weight is moved.

# %% tags=["exercise:schedule"]
def schedule(share, calls):
    """share: list of T positive numbers. Returns `calls` falling severities that start with T."""
    return None  # todo: replace this line

# %% tags=["check:schedule"]
def check_schedule():
    for share, calls, least in (([9, 1, 2, 5, 1], 3, 3), ([1, 1, 1, 8, 1, 7], 2, 4), ([3, 2, 1], 3, 0)):
        answer = schedule(share, calls)
        if answer is None:
            return "todo: write schedule(share, calls)"
        if not isinstance(answer, list) or sorted(set(answer), reverse=True) != answer or len(answer) != calls or answer[0] != len(share):
            return "not yet: return a list of `calls` falling severities, the first of them T = len(share)"
        if not set(answer) <= set(range(1, len(share) + 1)):
            return "not yet: severities lie in 1..T"
        if sum(weight for s, weight in enumerate(share, 1) if s not in answer) > least:
            return "not yet: T must be visited; which others carry most weight?"
    return "ok: no schedule of that length moves less weight"
print(check_schedule())

# %% [markdown] tags=["solution:schedule"]
# <details><summary>Solution</summary>
#
# ```python
# def schedule(share, calls):
#     T = len(share)
#     heaviest = sorted(range(1, T), key=lambda s: share[s - 1], reverse=True)[:calls - 1]
#     return sorted([T, *heaviest], reverse=True)
# ```
# </details>

# %% [markdown]
# ### 3 · Keep the measurement without iterating
# Super-resolution: correct one prediction so that it pixelates to exactly $x_T$, in one line, with D alone. (Its RMSE before clamping can only fall. Why? Look at the bands.)

# %% tags=["exercise:project"]
def project(x0_hat, x_T, D):
    """x0_hat with its 4x4 block means replaced by those of x_T; D(x, 3) pixelates to 4x4."""
    return None  # todo: replace this line

# %% tags=["check:project"]
def check_project():
    from colddiff_nb.degradations import make
    D, g = make("superres", "mnist"), torch.Generator().manual_seed(0)
    x0, x0_hat = torch.rand(3, 1, 32, 32, generator=g) * 2 - 1, torch.rand(3, 1, 32, 32, generator=g) * 2 - 1
    answer = project(x0_hat, D(x0, 3), D)
    if answer is None:
        return "todo: write project(x0_hat, x_T, D)"
    if not torch.is_tensor(answer) or answer.shape != x0.shape:
        return "not yet: return an image of the shape of x0_hat"
    if not torch.allclose(D(answer, 3), D(x0, 3), atol=1e-5):
        return "not yet: pixelated, it must give x_T"
    if not torch.allclose(answer - D(answer, 3), x0_hat - D(x0_hat, 3), atol=1e-5):
        return "not yet: the detail within the blocks must stay that of x0_hat"
    return "ok: it agrees with the measurement" if (answer - x0).norm() <= (x0_hat - x0).norm() else "not yet: its error must not rise"
print(check_project())

# %% [markdown] tags=["solution:project"]
# <details><summary>Solution</summary>
#
# ```python
# def project(x0_hat, x_T, D):
#     return x0_hat - D(x0_hat, 3) + x_T
# ```
# The squared error is the sum of the bands' errors: that of the 4x4 band becomes 0, the others stay.
# </details>

# %% [markdown]
# ## Quiz
# <details><summary>1. Does the paper's proof of Algorithm 2 cover blur, pixelation and masks?</summary>
#
# No. It is about $D(x, s) = x + s\,e$ with $e$ independent of $x$, where any R gives the exact $x_0$ because D knows $e$. What blur, pixelation and masks take away depends on $x$:
# with a bad R the result is bad.
# </details>
#
# <details><summary>2. Which prediction writes the 16x16 detail of a super-resolved image in Algorithm 2? And in Algorithm 1?</summary>
#
# In Algorithm 2 the one made at $s = 2$, when that detail returns, and no other. In Algorithm 1 the last one ($s = 1$), as it writes
# everything. The super-resolution networks of this project copy what $x_s$ already tells, so that $D(\hat x_0, s) = x_s$: then both algorithms take the same steps, and the numbers of
# super-resolution above are the same for both, as long as $x_T$ is $D(x_0, T)$ (section 5 adds noise, and they part a little).
# </details>
#
# <details><summary>3. When is direct reconstruction the better choice?</summary>
#
# When much was lost and the score is RMSE or SSIM, mostly: one L1-trained guess is close to the middle of all images that fit, and each step of an iteration can add errors. And when calls cost time.
# Section 1 says for which pairs here.
# </details>
#
# <details><summary>4. Most of the 40 deblurring steps write nearly nothing. How can one know before training a network, and may they all be skipped?</summary>
#
# From D: the prediction at $s$ writes $\lambda_{s-1} - \lambda_s$ of each frequency, and of all but the very lowest that is nearly nothing before the last few steps. In inpainting the weight is spread over
# all steps (ring by ring), so skipping moves much more of it. Whether skipping is harmless only a trial shows, as later predictions see slightly different states. In section 4
# the result changed visibly, its RMSE to the original not for the worse.
# </details>
#
# <details><summary>5. Name three assumptions without which deblurring from T = 40 fails.</summary>
#
# The measurement is exact (no noise, no 8 bits); D and its severity at sampling are those of the measurement; different images have measurements that differ by more than its precision.
# </details>
