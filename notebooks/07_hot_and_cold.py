# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 7 · Appendix: hot and cold
# *Hot* diffusion damages images with noise, *cold* diffusion with anything else: blur, pixelation, holes. Which damage can be undone? From which can
# new images be made? You look at noise and four cold kinds, and write a kind yourself in fifteen lines. Section 3 compares another five under one
# recipe. When you have finished, you will be able to
# - write a degradation of your own, have it checked, train it and restore from it,
# - say what a measurement must hold for restoration, and what for generation,
# - show that DDIM, a sampler of hot diffusion, is Algorithm 2 with the noise estimated anew,
# - say what a comparison of two methods can show, and what it cannot.
#
# ($T$ is the largest severity. $t$ is a severity in training. $s$ is the severity where the sampler stands.) You need notebooks 01 and 03, and what
# mean and covariance are. Running takes two minutes on a CPU, reading about fifteen.

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
DATA = "mnist5k"  # 5,000 digits that need no internet
STEPS = 400  #@param {type: "integer"}
IMAGES = 200  #@param {type: "integer"}
STEPS, IMAGES = settings.choose((STEPS, IMAGES), (10, 10))  # of training; test images

# %% [markdown]
# ## 1 · What is left at the largest severity?
# Hot diffusion fades the image out and noise $z$ in, until nothing but noise is left:
#
# $$D(x_0, t) = a_t\, x_0 + b_t\, z, \qquad a_t^2 + b_t^2 = 1, \quad a_T = 0.$$
#
# *With numbers.* Halfway $a = 0.70$ and $b = 0.71$. A white pixel (1) with the noise $-0.3$ becomes $0.70 - 0.21 = 0.49$.
#
# Four others are cold. *Mean* blurs until only the mean grey is left, as in [inverse heat dissipation](https://arxiv.org/abs/2206.13397)
# (Rissanen et al.). *Superres* pixelates: it averages blocks. *Line* fades the image into its pixelated version, as
# [InDI](https://arxiv.org/abs/2303.11435) does (Delbracio and Milanfar). *Snow* lets flakes fall.
#
# **Predict.** At the largest severity, in which rows can you still tell the digit? In which could a network?

# %%
import json
import matplotlib.pyplot as plt
import pandas
import torch
from PIL import Image
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import Degradation, check_degradation, make, register
from colddiff_nb.metrics import rmse
from colddiff_nb.notebook import show
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.other_samplers import ddim
from colddiff_nb.sampling import algorithm1, algorithm2, direct
from colddiff_nb.training import recipe, train

# %%
x0, left = to_float(load(DATA, "test", settings.data).pixels[:IMAGES]), {}
columns = {"t = 0": [], "T / 3": [], "2 T / 3": [], "t = T": []}
for task in ("noise", "mean", "superres", "line", "snow"):
    D = make(task, DATA).draw(1, torch.Generator().manual_seed(0))
    one, other = x0[4:5], x0[5:6]
    for third, images in enumerate(columns.values()):
        images.append(D(one, round(third * D.T / 3))[0].clamp(-1, 1))
    left[task] = float((D(one, D.T) - D(other, D.T)).norm() / (one - other).norm())
show(grid({label: torch.stack(images) for label, images in columns.items()}, rows=list(left),
          title="One digit, more and more degraded"),
     "A digit in noise, blurred to the mean, pixelated, on a line to its pixels, and in snow.")

# %% tags=["nbval-check-output"]
assert left["noise"] < 1e-6 < left["mean"] < 0.5 * left["superres"] < left["snow"]
print("ok: at T this share of the difference of two digits is left:",
      ", ".join(f"{share:.0%} ({task})" for task, share in left.items()))

# %% [markdown]
# **What you saw.** Noise leaves nothing of the image. The others leave a **measurement**, which differs from digit to digit. So a network can restore
# from it. *Mean* leaves one number only, and many digits share it. An $x_T$ of pure noise can be drawn without any image, since it holds none.
# ## 2 · Can you write one yourself?
# A moving camera smears the image. With $t$ pixels to either side, a pixel becomes the mean of $2t + 1$ neighbours (the border wraps around):
#
# $$D(x_0, t)_{i,j} = \frac{1}{2t+1} \sum_{k=-t}^{t} x_{i,\,j+k}.$$
#
# *With numbers.* For $t = 1$ a white pixel (1) between two black ones (-1) becomes $(-1 + 1 - 1) / 3 = -0.33$.
#
# A subclass of `Degradation` gives `apply_at(x0, t, randomness)`. There `t` holds one severity for each image. What is random comes from
# `draw_randomness`. Here that is the direction, sideways (1) or up and down (0). It is drawn once and kept for all severities. Else Algorithm 2 would
# subtract one direction and add another. `check_degradation` tries D on random images. It says what is wrong, such as an $x_0$ that it changes.

# %%
class MotionBlur(Degradation):
    """The camera moves t pixels to either side, sideways or up and down."""

    def draw_randomness(self, n, generator):
        return torch.randint(0, 2, (n, 1, 1, 1), generator=generator)

    def apply_at(self, x0, t, sideways):
        total, t = torch.zeros_like(x0), t.view(-1, 1, 1, 1)
        for k in range(-self.T, self.T + 1):
            moved = torch.where(sideways == 1, x0.roll(k, -1), x0.roll(k, -2))
            total += moved * (abs(k) <= t)
        return total / (2 * t + 1)

register("motion", MotionBlur, T=8)

# %% tags=["nbval-check-output"]
assert check_degradation(make("motion", DATA)) == []
D = make("motion", DATA).draw(10, torch.Generator().manual_seed(0))
assert torch.allclose(D(x0[:10], 8).mean((1, 2, 3)), x0[:10].mean((1, 2, 3)), atol=1e-5)
print("ok: MotionBlur keeps the rules; it moves light about, and loses none")

# %% [markdown]
# Recipes and samplers know a registered task by its name. The next cell trains a small network. A quarter of its training states are made
# by the sampler (*rollouts*). So it meets its own errors. Yen et al. did this first, for [speech](https://arxiv.org/abs/2211.02527).
# [Variational Cold Diffusion](https://github.com/MaxFeucht/VariationalColdDiffusion) (Feucht) perturbs the states instead.
#
# **Predict.** Each pixel of $x_T$ is the mean of seventeen. Which way restores best: direct, Algorithm 1 or Algorithm 2?

# %%
sizes = {"widths": (32, 48, 96), "steps": STEPS, "evaluate_every": STEPS, "save_every": STEPS}
folder = settings.runs / f"own-motion-{STEPS}"
motion = recipe("quick", "motion", DATA, **sizes)
restore = train(motion, folder, data_root=settings.data, log=lambda _: None)
print(f"trained on {motion.images_seen:,} images")

# %%
D = make("motion", DATA).draw(len(x0), torch.Generator().manual_seed(0))
x_T = D(x0, D.T)
results = {"measured": x_T, "direct": direct(restore, D, x_T),
           "Algorithm 1": algorithm1(restore, D, x_T), "Algorithm 2": algorithm2(restore, D, x_T)}
show(grid({name: x[:5] for name, x in [*results.items(), ("original", x0)]},
          title="Motion blur, restored by your network"),
     "Five digits smeared over 17 pixels, restored in three ways, and the originals.")
errors = {name: rmse(x, x0) for name, x in results.items()}
print(f"What you saw: RMSE on {len(x0)} test digits:",
      ", ".join(f"{error:.3f} ({name})" for name, error in errors.items()))
assert settings.smoke or errors["direct"] < 0.5 * errors["measured"]

# %% [markdown]
# **What you saw.** After a short training, direct leaves a third of the error. Algorithm 1 does worst: it smears each guess anew.
# ## 3 · Noise beside blur and pixelation: which is easier to undo?
# **First, what this cannot show.** All networks below were trained by cold diffusion's loss (L1 on $x_0$) for 600 steps. Hot diffusion is
# usually trained by the squared error of the noise, and for much longer. So this is no verdict on hot diffusion as it is used.
#
# | degradation | T | what $x_T$ holds |
# |---|---|---|
# | noise (hot) | 20 | nothing |
# | blur | 20 | all, but most of it in the last digits of float32 |
# | pixelation | 3 | 4 x 4 block means |
# | masks | 20 | the border; a hole covers the middle |
# | blur with noise (hybrid) | 20 | less than blur: noise of six grey levels covers the last digits |
#
# Each was trained three times, from three seeds, and saw 38,400 images out of the same 4,000 digits. Three things were not equal. T is 3 for
# pixelation and 20 otherwise. The networks for blur and pixelation are also shown a linear estimate of $x_0$ (notebook 01, section 2). And noise and
# the hybrid have DDIM in place of Algorithm 1. The best sampler of each kind counts ([all rows](../results/details.md#hot-against-cold)). Two jobs:
#
# - **Restoration** starts from degraded test digits, whose RMSE lies between 0.230 (pixelation) and 0.283 (hybrid). From noise alone nothing can
#   be restored, so noise starts at $s = 8$. Score: the RMSE, $\sqrt{\mathrm{mean}\,(\hat x_0 - x_0)^2}$ on [0, 1]. All pixels off by 0.1 give 0.1.
# - **Generation** starts from an $x_T$ drawn without an image, from a Gaussian with the mean and covariance of training $x_T$. For noise
#   that is exact. Score: the **Frechet distance** of the made digits to real ones. A classifier turns images into features. Each set of
#   features gets a mean $\mu$ and a covariance $\Sigma$. Then
#   $d = |\mu_1 - \mu_2|^2 + \mathrm{tr}\big(\Sigma_1 + \Sigma_2 - 2(\Sigma_1\Sigma_2)^{1/2}\big)$. *With one feature:* means 3 and 1,
#   standard deviations 2 and 1 give $(3 - 1)^2 + (2 - 1)^2 = 5$.
#
# **Predict.** Order the five for each job. Is the easiest to restore from also the best to generate from?

# %%
record = json.loads((settings.home / "results" / "hot_and_cold.json").read_text())
rows = pandas.DataFrame(record["rows"]).query("sampler != 'degraded'")
kinds, best = list(rows.degradation.unique()), {}
JOBS = {"restoration": ("rmse", "RMSE on [0, 1]"), "generation": ("frechet", "Frechet distance")}
MARKERS = {"direct": "D#1a1a1a", "Algorithm 1": "s#d55e00", "Algorithm 2": "o#0072b2",
           "DDIM": "^#009e73"}
for job, (score, _) in JOBS.items():  # the lowest mean over the seeds
    means = rows[rows.job == job].groupby(["degradation", "sampler"])[score].mean()
    best[job] = means.groupby(level=0).min()

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
for panel, (job, (score, label)) in zip(panels, JOBS.items()):
    for place, (name, style) in enumerate(MARKERS.items()):
        found = rows[(rows.job == job) & (rows.sampler == name)]
        heights = [0.15 * (1.5 - place) - kinds.index(kind) for kind in found.degradation]
        panel.plot(found[score], heights, style[0], color=style[1:], fillstyle="none", label=name)
    panel.set(title=job, xlabel=label, xlim=(0, None), yticks=range(0, -5, -1), yticklabels=kinds)
    panel.grid(color="#d4d4d4")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
show(figure, "RMSE restored and Frechet distance generated: a mark for each sampler and seed.")
show(Image.open(settings.home / "results" / "hot_and_cold.png"),
     "Eight digits generated by each of five networks; some of noise and of the hybrid are black.")

# %% tags=["nbval-check-output"]
error, distance = best["restoration"], best["generation"]
assert error["masks"] < 0.8 * error["noise"] < 0.6 * error["blur"] < 0.4 * error["blur with noise"]
assert distance[["blur", "pixelation", "masks"]].max() < 0.7 * distance["noise"]
for job, scores in best.items():
    print(f"ok: {job}, lowest {JOBS[job][1]}:",
          ", ".join(f"{kind} {value:.3g}" for kind, value in scores.sort_values().items()))

# %% [markdown]
# **What you saw.** The order changes with the job. (Where a tile is black, the network drew no digit.)
# - **Restoring.** What counts is what the measurement still tells. Masks leave the border whole. Noise at $s = 8$ leaves some of every frequency.
#   Blur and the hybrid start from what looks like the same grey square. Restored, blur has an RMSE of 0.131, the hybrid 0.237: its noise covers the
#   last digits of float32. The linear estimate may explain a part of this gap, since the hybrid's network is not shown one.
# - **Generating.** The three cold $x_T$ hold something: 16 means, a border, a trace of every frequency. They do best. Pure noise holds nothing (517).
#   But the hybrid's grey with noise does worse still (644): to hold a little is not enough. For noise, Algorithm 2 keeps one drawn $z$ (730). It
#   cancels, and the result is a weighted mean of all guesses. DDIM (section 4) estimates $z$ anew and ends with its last guess.
# - **The price of cold.** Real $x_T$ are not Gaussian. So pixelation has a distance of 59 when it restores, and 279 when it generates. (These are
#   distances to 500 digits. Notebook 08 takes 300 and other networks: do not compare the two.)
# - **No verdict.** L1 trains for the median of all images that fit, the squared error for their mean. What that changes was not measured.
# ## 4 · Is hot sampling another method?
# With noise, a sampler may ask which $z$ would explain the state, if the guess were right:
#
# $$z = (x_s - a_s\, \hat x_0) / b_s, \qquad x_{s-1} = a_{s-1}\, \hat x_0 + b_{s-1}\, z.$$
#
# This rule is the deterministic [**DDIM**](https://arxiv.org/abs/2010.02502) (Song et al.). With this $z$, $D(\hat x_0, s) = x_s$. Algorithm 2 is
# $x_s - D(\hat x_0, s) + D(\hat x_0, s-1)$. So its first two terms cancel, and DDIM is left. *With numbers.* $a_s = 0.8$, $b_s = 0.6$,
# $x_s = 1$ and $\hat x_0 = 0.5$ give $z = (1 - 0.4) / 0.6 = 1$. With $a_{s-1} = 0.9$ and $b_{s-1} = 0.44$ the next state is
# $0.45 + 0.44 = 0.89$.

# %% tags=["nbval-check-output"]
noise, guess = make("noise", DATA, T=20), x0[:4].flip(0)
x_s = noise.draw(4, torch.Generator().manual_seed(0))(x0[:4], 12)
D = noise.estimate(x_s, guess, 12)  # D with the noise that explains x_s
step = ddim(lambda x, s, start: guess, noise, x_s, T=[12, 11], trajectory=True).x[1]
assert torch.allclose(step, x_s - D(guess, 12) + D(guess, 11), atol=1e-5)
print("ok: DDIM is Algorithm 2 with the noise estimated anew, whatever the network guesses")

# %% [markdown]
# ## 5 · And a denoiser that knows no degradation?
# [DDRM](https://arxiv.org/abs/2201.11793) (Kawar et al.) restores with one *denoiser* for all linear degradations. In each step, the singular value
# decomposition of D tells it which parts of the image were measured. Those it takes from the measurement. [deepinv](https://deepinv.github.io), a
# library for inverse problems, has it. `ColdPhysics` makes our D an operator of deepinv, `ColdReconstructor` makes our samplers its models. [This
# example](../examples/deepinv_ddrm.py) restores the same digits by both. You need not install deepinv: the result is stored.
#
# - **Equal:** the test digits, the measurement (exact 4 x 4 means), the scores, the size of the network, and the images seen.
# - **Not equal:** the task. The cold network learnt this one degradation. The denoiser learnt 200 levels of noise, and serves any
#   linear D without a new training. A denoiser usually gets far more than a minute of training.
# - **A bias:** DDRM draws *one* plausible digit at random. RMSE prefers the mean of all plausible digits.
#
# **Predict.** DDRM calls its network 20 or 100 times, Algorithm 2 three times. Which is nearer to the originals?

# %%
show(Image.open(settings.home / "results" / "ddrm.png"),
     "Six pixelated digits, restored directly, by Algorithm 2 and by DDRM, and the originals.")

# %% tags=["nbval-check-output"]
beside = json.loads((settings.home / "results" / "ddrm.json").read_text())["rows"]
beside = pandas.DataFrame(beside).set_index("method")
assert beside.rmse["Algorithm 2"] < 0.7 * beside.rmse["DDRM, 100 steps"] and (beside.n == 200).all()
print(beside.round(3).to_string(na_rep=""))

# %% [markdown]
# **What you saw.** After a minute of training, the network that learnt one task is nearer. Direct has an RMSE of 0.128 with one call, and beats
# Algorithm 2 (0.134, 3 calls). DDRM has 0.240 and 0.245: more than the degraded images themselves (0.226). Its images look like digits, but often
# like other ones. Longer trainings were not tried. (Seconds: 200 digits, a busy CPU.)
# ## Exercises
# ### 1 · Missing pixels
# Write a degradation: pixels go missing, in an order drawn for each image. At severity t a pixel is grey (0) where `order < t / T`.

# %% tags=["exercise:missing"]
def apply_at(self, x0, t, order):
    """x0: (B, C, H, W). t: (B,), of 0..self.T. order: (B, 1, H, W), in [0, 1)."""
    return None  # todo: replace this line

# %% tags=["check:missing"]
def check_missing():
    own = type("Missing", (Degradation,), {"apply_at": apply_at, "draw_randomness":
               lambda self, n, g: torch.rand(n, 1, 32, 32, generator=g)})
    D, t = own(32, {"task": "missing"}, 16), torch.tensor([4, 8, 16])
    order, images = D.draw_randomness(3, None), x0[:3] + 0.5
    if D.apply_at(images[:1], t[:1], order[:1]) is None:
        return "todo: write apply_at(self, x0, t, order)"
    if said := check_degradation(D):
        return f"not yet: {said[0]}"
    if not torch.equal(D.apply_at(images, t, order), images * (order >= t.view(3, 1, 1, 1) / 16)):
        return "not yet: a pixel is 0 where order < t / T; elsewhere it is that of x0"
    return "ok: register it, and it trains as MotionBlur did"
print(check_missing())

# %% [markdown] tags=["solution:missing"]
# <details><summary>Solution</summary>
#
# ```python
# def apply_at(self, x0, t, order):
#     return x0 * (order >= t.view(-1, 1, 1, 1) / self.T)
# ```
# </details>

# %% [markdown]
# ### 2 · Sound
# Samplers need no more than a call `D(x, t)` and a `D.T`. So x may be a sound, given a network for sounds. Here you write only the D: replace each
# block of $2^t$ samples by its mean.

# %% tags=["exercise:sound"]
def coarser(x, t):
    """x (B, 1, 1, N), each block of 2 ** t samples replaced by its mean; x itself for t = 0."""
    return None  # todo: replace this line

# %% tags=["check:sound"]
def check_sound():
    chord = torch.rand(2, 1, 1, 256, generator=torch.Generator().manual_seed(0))
    answers = [coarser(chord, t) for t in range(5)]
    if answers[1] is None:
        return "todo: write coarser(x, t)"
    if any(not torch.is_tensor(x) or x.shape != chord.shape for x in answers):
        return "not yet: the result must have the shape of x: repeat each mean 2 ** t times"
    for t, x in enumerate(answers):
        blocks = chord.view(2, -1, 2 ** t)
        if (x.view_as(blocks) - blocks.mean(-1, True)).abs().max() > 1e-6:
            return f"not yet: at t = {t} each block of {2 ** t} samples must be its mean"
    return "ok: this is a D for sounds. To restore them, the samplers only lack a network"
print(check_sound())

# %% [markdown] tags=["solution:sound"]
# <details><summary>Solution</summary>
#
# ```python
# def coarser(x, t):
#     return x.unflatten(-1, (-1, 2 ** t)).mean(-1).repeat_interleave(2 ** t, -1)
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - A degradation of your own needs `apply_at`, and randomness drawn once. `check_degradation` tries both. The class keeps $D(x, 0) = x$.
# - Restoration needs an $x_T$ that still tells images apart. Generation needs one that can be drawn without an image.
# - Deterministic DDIM is Algorithm 2 with the noise estimated anew in each step.
# - A comparison holds for its loss, its budget and its task, and for no more.
#
# **Next:** the core path ends with `08_generation`. [RELATED.md](../RELATED.md) lists the field around. **References.** Bansal et al., *Cold
# Diffusion* ([arXiv 2208.09392](https://arxiv.org/abs/2208.09392)), section 3. The others: above.
