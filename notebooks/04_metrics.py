# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 4 · Appendix: metrics
# RMSE compares pixels, SSIM compares small windows, and FID compares sets of images. Each misses what the others see. Which of these two strokes is
# nearer to the original? (█ is 1, ▓ is 0.5, ▒ is 0.25, a dot is 0.)
#
# ```text
#     original         blurred          moved by one pixel
#      .  █  .         ▒  ▓  ▒             .  .  █
#      .  █  .         ▒  ▓  ▒             .  .  █
#      RMSE             0.35                 0.82
#      real stroke?     no                   yes
# ```
# When you have finished, you will be able to
# - calculate all three scores by hand for a small case,
# - say why the lowest RMSE belongs to a blurry image, and the lowest FID to a sharp one that may be wrong,
# - find out whether two published numbers may be compared.
#
# ($T$ is the largest severity.) You need notebook 03, and mean and covariance. Running takes two minutes on a CPU, reading about thirteen.

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
DATA = settings.dataset("mnist")  # offline: mnist5k, 5,000 of its digits
IMAGES = settings.choose(1_000, 60)  # test images behind every number

# %%
import json, torch
import matplotlib.pyplot as plt
import torch.nn.functional as F
from torchmetrics.functional.image import structural_similarity_index_measure as torch_ssim
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.metrics import frechet_distance, rmse, ssim, to_unit
from colddiff_nb.notebook import show
from colddiff_nb.notebook.flipbook import Flipbook
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook.pictures import grid, png
from colddiff_nb.sampling import algorithm2, direct
from colddiff_nb.weights import shipped_classifier

# %%
test, train = (load(DATA, split, settings.data) for split in ("test", "train"))
x0, known = to_float(test.pixels[:IMAGES]), to_float(train.pixels)  # (N, 1, 32, 32) in [-1, 1]
classifier = shipped_classifier("mnist")
originals = classifier.features(x0).detach()  # (N, 64)
def frechet(x):  # distance to the originals, in the features of a small digit classifier
    return frechet_distance(originals, classifier.features(x).detach())

# %% [markdown]
# ## 1 · What do the three scores compute?
# Scores here are taken on [0, 1]: black is 0, white is 1. **RMSE** is the root of the mean squared error over all $n$ pixels of all images:
# $\sqrt{\tfrac1n \sum_i (x_i - y_i)^2}$. It is one root for all images, not a mean of one root for each. *With numbers.* Four pixels are off by
# 0.3, 0.4, 0 and 0: $\sqrt{(0.09 + 0.16) / 4} = 0.25$.
#
# **SSIM** compares windows of 11 x 11 pixels by their means $\mu$, variances $\sigma^2$ and covariance, and averages over all windows:
# $$\frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},
# \qquad c_1 = 0.01^2,\; c_2 = 0.03^2.$$
# *With numbers.* A uniform grey window gets noise of standard deviation 0.03. The means agree. The uniform window has no variance, and no
# covariance with the noise. $c_2 / (0.03^2 + c_2) = 0.0009 / 0.0018 = 0.5$ is left. Noise that you can hardly see halves SSIM there.
#
# A *feature* is a number that a network computes from an image. The **Frechet distance** fits a Gaussian to the features of each set, and compares
# means $\mu$ and covariances $\Sigma$: $|\mu_a - \mu_b|^2 + \operatorname{tr}(\Sigma_a + \Sigma_b - 2 (\Sigma_a \Sigma_b)^{1/2})$. *With numbers.*
# One feature has mean 2 and standard deviation 1 in one set, mean 5 and standard deviation 3 in the other. The distance is
# $(2 - 5)^2 + (1 - 3)^2 = 13$. **FID** is this distance in 2,048 features of a large network, Inception. We take 64 of a small classifier. Sections
# 2 and 4 compare digits with their own originals: unspoilt digits have distance 0.
# ## 2 · What does each score see?
# We spoil test digits in five ways, each in six strengths. **Predict.** Which score will punish a blur? Which will punish a digit that is moved by
# one pixel? Which will forgive a small hole? Then choose a distortion and drag the slider. All distortions follow below it.

# %%
seed = torch.Generator().manual_seed(0)
grain, hole = torch.randn(x0.shape, generator=seed), make("inpaint", DATA).draw(IMAGES, seed)
smooth = F.avg_pool2d(x0, 5, 1, 2, count_include_pad=False)
SPOIL = {"noise": lambda k: x0 + 0.1 * k * grain, "blur": lambda k: x0 + k / 6 * (smooth - x0),
         "less contrast": lambda k: x0 * (1 - 0.1 * k), "moved": lambda k: x0.roll(k, -1),
         "hole": lambda k: hole(x0, 3 * k)}
spoiled = {name: [spoil(k).clamp(-1, 1) for k in range(7)] for name, spoil in SPOIL.items()}
scores = {name: [(rmse(x, x0), ssim(x, x0), frechet(x)) for x in steps]
          for name, steps in spoiled.items()}

# %%
def page(name, k):  # four digits above their spoiled versions, and the scores of all
    columns = {c: torch.stack([x0[i], spoiled[name][k][i]]) for i, c in enumerate("abcd")}
    told = "RMSE {:.3f}, SSIM {:.2f}, Frechet distance {:.1f}.".format(*scores[name][k])
    return png(grid(columns, 4, ["original", name])), f"{name}, strength {k}: {told}"
pages = {name: {k: page(name, k) for k in range(7)} for name in spoiled}
for name, k in (("blur", 4), ("hole", 4), ("less contrast", 2), ("moved", 1)):
    print("What you saw:", pages[name][k][1])
Flipbook(pages, ["distortion", "strength"]).widget

# %%
columns = {f"strength {k}": torch.stack([spoiled[name][k][0] for name in spoiled])
           for k in (0, 1, 2, 4, 6)}
show(grid(columns, rows=list(spoiled), title="One digit, five distortions"),
     "A digit under noise, blur, less contrast, a shift and a hole, each in five strengths.")
figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
colours = "#0072b2", "#d55e00", "#009e73", "#1a1a1a", "#cc79a7"
for (name, points), marker, colour in zip(scores.items(), "os^Dv", colours):
    for panel, which in zip(panels, (1, 2)):
        line = [(point[0], point[which]) for point in points]
        panel.plot(*zip(*line), marker + "-", color=colour)
        panel.text(*line[-1], f"  {name}", va="bottom", color=colour)
for panel, label in zip(panels, ("SSIM", "Frechet distance")):
    panel.set(xlabel="RMSE", title=f"{label} against RMSE", xlim=(0, 0.49), ylim=(0, None))
show(figure, "SSIM and Frechet distance against RMSE: five distortions take five different ways.")

# %% tags=["nbval-check-output"]
blur, gap = scores["blur"][4], scores["hole"][4]
moved, grey = scores["moved"][1], scores["less contrast"][2]
assert abs(blur[0] - gap[0]) < 0.015 and blur[2] > 10 * gap[2] and gap[1] > blur[1] + 0.05
assert moved[0] > 1.4 * blur[0] and moved[2] < 0.1 * blur[2] and grey[1] < gap[1] - 0.15
assert abs(ssim(0.06 * grain, 0 * grain) - 0.5) < 0.02  # 0.06 of [-1, 1] is 0.03 of [0, 1]
print("ok: noise of 0.03 on grey halves SSIM; a blur has ten times the distance of a hole")

# %% [markdown]
# **What you saw.** RMSE forgives a blur and punishes a shift. The Frechet distance does the opposite: no real digit is blurred, but a moved digit
# is still a real one. SSIM forgives a hole, because all other windows stay whole. It punishes noise and lost contrast, because most windows of a
# digit are uniformly black. So look at the pictures, and at more than one score.
# ## 3 · Why is the lowest RMSE blurry?
# Many digits look the same when pixelated. A network cannot know which of them was meant. We take the 100 training digits whose 4 x 4 blocks are
# nearest to those of one test digit. Look at one pixel of these 100. Its *mean* minimises the squared error, its *median* the absolute error (L1).
# *With numbers.* The pixel is white (1) in one third of the digits, else black (0). The mean is 1/3, which no digit has. The median is 0.
#
# | guess | mean squared error | mean absolute error |
# |---|---|---|
# | mean, 1/3 | 2/9 = **0.22** | 4/9 = 0.44 |
# | median, 0 | 1/3 = 0.33 | 1/3 = **0.33** |
# | one of the digits, drawn | on average twice that of the mean, 0.44 | 4/9 = 0.44 |
#
# **Predict.** How will the mean of 100 such digits look, how their median, and which has the lowest RMSE to all of them?

# %%
def blocks(x):  # the 16 numbers that pixelation leaves of each image, (N, 16)
    return F.avg_pool2d(x, 8).flatten(1)
known_blocks, one = blocks(known), x0[2:3]  # one test digit
near = torch.cdist(blocks(one), known_blocks)[0].topk(100, largest=False).indices
alike = to_unit(known[near]).flatten(1)  # (100, 1024) on [0, 1]
guesses = {"mean": alike.mean(0), "median": alike.median(0).values, "one of them": alike[50]}
pictures = {"pixelated": make("superres", DATA)(one, 3)}
pictures |= {name: x.view(1, 1, 32, 32) * 2 - 1 for name, x in guesses.items()}
show(grid(pictures | {"original": one}), "A pixelated digit, and three guesses from 100 like it.")
to_all = {name: (float((alike - x).square().mean().sqrt()), float((alike - x).abs().mean()))
          for name, x in guesses.items()}
for name, (squared, absolute) in to_all.items():
    print(f"What you saw: {name}: RMSE {squared:.3f} and L1 {absolute:.3f} to all 100 digits")

# %%
pixel, guess = alike[:, alike.var(0).argmax()], torch.linspace(0, 1, 101)  # the most doubtful pixel
off = (pixel - guess[:, None]).abs()  # (101, 100)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.hist(pixel, 20, range=(0, 1), color="#999999")
left.set(xlabel="value of the pixel", ylabel="digits", title="One pixel in 100 similar digits")
for error, name, colour in ((off.square(), "mean", "#d55e00"), (off, "median", "#0072b2")):
    best, least = guess[error.mean(1).argmin()], error.mean(1).min()
    left.axvline(best, color=colour, linestyle=":")
    right.plot(guess, error.mean(1), color=colour)
    right.plot(best, least, "o", color=colour)
    right.text(best, least - 0.01, f"{name} {best:.2f}", color=colour, va="top", ha="center")
right.set(xlabel="guess", ylim=(0, None), title="Its squared (orange) and absolute (blue) error")
show(figure, "The pixel is mostly black or white; its mean, a grey, has the least squared error.")

# %% tags=["nbval-check-output"]
assert to_all["mean"][0] == min(squared for squared, _ in to_all.values())
assert to_all["median"][1] == min(absolute for _, absolute in to_all.values())
assert to_all["one of them"][0] > 1.15 * to_all["mean"][0]
print("ok: the mean has the lowest RMSE, the median the lowest L1, a real digit neither")

# %% [markdown]
# **What you saw.** The mean is a cloud, the median has firmer strokes, and only the real digit looks real. Yet it has the highest RMSE. Its squared
# error is $0.231^2 / 0.178^2 = 1.7$ times that of the mean. Twice is the average over all 100 digits, and this one digit lies nearer to the mean
# than the average. A network trained by L1 aims at the median, one trained by the squared error at the mean.
# ## 4 · Can one method win both?
# Now we pixelate the digits of section 2, and restore them in three ways. *Direct* calls the network once, *Algorithm 2* three times. The **look-up**
# takes the training digit with the nearest blocks, so it always shows a real digit. **Predict.** Which is best in RMSE, which in Frechet distance?

# %%
restore, degrade, label = choose_model("superres", DATA, WEIGHTS, settings.runs, settings.data,
                                       settings.choose("quick", "smoke"))
print(f"weights: superres, mnist: {label}")
D, x_T = degrade.draw(IMAGES), degrade(x0, degrade.T)
nearest = torch.cat([torch.cdist(some, known_blocks).argmin(1) for some in blocks(x0).split(100)])
ways = {"direct": direct(restore, D, x_T).clamp(-1, 1),
        "Algorithm 2": algorithm2(restore, D, x_T).clamp(-1, 1), "look-up": known[nearest]}
plane = {name: (rmse(x, x0), frechet(x)) for name, x in ways.items()}
pictures = {"pixelated": x_T[:4]} | {name: x[:4] for name, x in ways.items()} | {"original": x0[:4]}
show(grid(pictures), "Four pixelated digits, restored in three ways, and the originals.")

# %%
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
for name, (x, y) in plane.items():
    axes.plot(x, y, "o", color="#0072b2")
    axes.text(x + 0.003, y, f"{name} ({y:.1f})", va="center")
axes.set(title="Pixelated digits, restored: left is nearer to the originals, down looks more real",
         xlabel="RMSE", ylabel="Frechet distance", xlim=(0, 0.25), ylim=(0, None))
show(figure, "RMSE against Frechet distance: direct is leftmost, the look-up lowest and rightmost.")
print("What you saw: RMSE", ", ".join(f"{x:.3f} ({name})" for name, (x, _) in plane.items()))
once, iterated, real = (distance for _, distance in plane.values())
assert settings.smoke or real < 0.3 * iterated < 0.3 * once

# %% tags=["nbval-check-output"]
assert plane["look-up"][0] > 1.4 * plane["direct"][0]
paper = json.loads((settings.home / "results/paper.json").read_text())["pairs"].values()
more = [sum(pair["sampled"][s] > pair["direct"][s] for pair in paper) for s in ("RMSE", "FID")]
assert more == [6, 1]
print("ok: in the paper Algorithm 2 has more RMSE than direct in 6 pairs of 6, more FID in 1")

# %% [markdown]
# **What you saw.** None of these three wins both. The look-up has the best distance and the worst RMSE. Its digits are real, but some are the wrong
# digit. Low *distortion* (small errors in pixels) is given away for *perception* (looking real). Blau and Michaeli prove a limit for all methods:
# there, one can only gain where the other loses. In the paper, too, Algorithm 2 has more RMSE than direct in all six pairs, and less FID in five
# ([one figure](../results/details.md#made-for-rmse-or-made-for-realism)). Neither score asks whether the digit is right. A classifier can: of
# 10,000 pixelated digits restored directly, it reads 91 % as their own class.
#
# A caution before you compare with the paper: our best scores start from float32, which no PNG or JPEG holds. A blur makes fine differences tiny.
# Rounding to 8 bits erases them, float32 keeps them, and a network can learn to read them. Blurred digits (T = 20) have RMSE 0.189 from 8 bits,
# 0.123 from float32, and 0.142 in the paper. From float32, digits that these networks restore from blur or pixelation have a lower RMSE than the
# paper's, but several times its FID. [Our table beside the paper's](../results/details.md#against-the-paper).
# ## 5 · What else moves a number?
# **Predict.** Two sets of *original* digits are perfectly real. How large is their Frechet distance with 50 images each? Then score the pixelated
# digits by other rules: on [-1, 1], a root for each image, or SSIM windows that reach over the edge. Which rules flatter them?

# %%
real = classifier.features(to_float(test.pixels)).detach()
order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
counts = [n for n in (25, 50, 100, 200, 500, 1_000, 2_000, 5_000) if 2 * n <= len(real)]
bias = [frechet_distance(real[order[:n]], real[order[n:2 * n]]) for n in counts]
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.loglog(counts, bias, "o-", color="#0072b2")
axes.set(xlabel="images in each set", ylabel="Frechet distance", title="Originals beside originals")
show(figure, "The Frechet distance between two sets of originals falls with the number of images.")
print("What you saw: distance", ", ".join(f"{d:.1f} ({n:,} images)" for n, d in zip(counts, bias)))

# %% tags=["nbval-check-output"]
assert bias == sorted(bias, reverse=True) and bias[1] > max(100, 3 * bias[-1])
print("ok: the fewer images, the larger the distance of two equally real sets")
squares = (x_T - x0).square().flatten(1).mean(1)
assert abs(squares.mean().sqrt() - 2 * rmse(x_T, x0)) < 1e-4
assert squares.sqrt().mean() < squares.mean().sqrt()
print("ok: RMSE on [-1, 1] is twice that on [0, 1]; a mean of roots is below the root of the mean")
border = torch_ssim(to_unit(x_T), to_unit(x0), sigma=1.5, kernel_size=11, data_range=1.0)
assert border > ssim(x_T, x0) + 0.1
print("ok: SSIM is higher if windows over the black border count")

# %% [markdown]
# **What you saw.** With 50 images each, two perfect sets are more than 100 apart. Means and covariances are only estimated. Each set is off in its
# own way, and that pushes them apart. These sets show different digits, so even 1,000 are 4.6 apart. Sections 2 and 4 start from 0. FID, with 2,048
# features, needs far more images than our 64. An FID without its number of images says nothing. Two of the other rules flatter: a root for each
# image, and SSIM windows over the edge, where they see a mirrored black border. A number needs its *protocol*: which images, how many, from float32
# or 8 bits, which scale, windows and resize. Compare two numbers only if their protocols agree
# ([what each changes](../results/details.md#how-fid-depends-on-how-it-is-taken)). Never score training images: a network may know them. Other
# images move a score, too. For direct on 10,000 pixelated digits, RMSE is 0.1074 ± 0.0009. This is a 95 % interval by *bootstrap*: draw as many
# images again, with repeats, many times; score each draw. So score two methods on the same images, and draw for their *difference*. A gap is real
# if its interval leaves out 0. (This says nothing of other trainings.)
# ## Exercises
# ### 1 · One root
# Images are scored batch by batch, and the last batch is smaller. Return the RMSE over all pixels of all batches.

# %% tags=["exercise:one_root"]
def one_root(batches):
    """batches: a list of pairs (restored, original), tensors of equal shape on [0, 1]; a float."""
    return None  # todo: replace this line

# %% tags=["check:one_root"]
def check_one_root():
    a = torch.rand(70, 1, 4, 4)
    b = a * torch.linspace(0, 1, 70).view(70, 1, 1, 1)
    answer, squares = one_root(list(zip(a.split(32), b.split(32)))), (a - b).square()
    if answer is None:
        return "todo: write one_root(batches)"
    if abs(float(answer) - float(squares.mean().sqrt())) > 1e-5:
        return "not yet: add up squared errors and count pixels; take the root once, at the end"
    return "ok: the same number as for all images at once, whatever the batches"
print(check_one_root())

# %% [markdown] tags=["solution:one_root"]
# <details><summary>Solution</summary>
#
# ```python
# def one_root(batches):
#     total = sum(float((x - x0).square().sum()) for x, x0 in batches)
#     return (total / sum(x.numel() for x, _ in batches)) ** 0.5
# ```
# </details>

# %% [markdown]
# ### 2 · A Frechet distance by hand
# Compute it for one feature of two sets of images (section 1). Use the unbiased standard deviation, `tensor.std()`.

# %% tags=["exercise:frechet"]
def frechet_1d(a, b):
    """a (N,) and b (M,), values of one feature for two sets of images; a float."""
    return None  # todo: replace this line

# %% tags=["check:frechet"]
def check_frechet():
    for scale, shift in ((1.0, 0.0), (1.0, 2.0), (3.0, 0.0), (0.5, -1.0)):
        a, b = torch.randn(200), scale * torch.randn(300) + shift
        answer = frechet_1d(a, b)
        if answer is None:
            return "todo: write frechet_1d(a, b)"
        if abs(float(answer) - frechet_distance(a[:, None], b[:, None])) > 1e-3:
            return "not yet: the squared difference of the means, plus that of the spreads; no root"
    return "ok: the same as metrics.frechet_distance for one feature"
print(check_frechet())

# %% [markdown] tags=["solution:frechet"]
# <details><summary>Solution</summary>
#
# ```python
# def frechet_1d(a, b):
#     return float((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2)
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - RMSE compares pixels, SSIM windows, a Frechet distance the look of two sets. Each forgives what another punishes.
# - The mean has the lowest RMSE and looks like no digit. A real digit has a higher RMSE. None of our three ways wins both.
# - A number needs its protocol: which images, how many, measurement, scale, windows, resize.
#
# **Next:** `05_inpainting` explains a low SSIM. In the details: [least squares](../results/details.md#at-a-glance-rmse),
# [curves](../results/details.md#scores-over-one-training), [the course report](../results/details.md#the-course-reports-own-rows). **References.**
# SSIM: Wang et al. (IEEE TIP 2004). FID: [Heusel et al.](https://arxiv.org/abs/1706.08500) Perception and distortion:
# [Blau and Michaeli](https://arxiv.org/abs/1711.06077). The tables: [Bansal et al.](https://arxiv.org/abs/2208.09392), *Cold Diffusion*.
