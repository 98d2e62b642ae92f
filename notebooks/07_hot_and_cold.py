# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 7 · Hot and cold
#
# *Hot* diffusion degrades with noise, *cold* diffusion with anything else. When does cold work, and what of both together? The paper leaves the question open, and
# so did the course report. Here:
#
# 1. five degradations side by side;
# 2. **your own degradation in fifteen lines**, checked, trained live and restored;
# 3. noise against cold degradations under one recipe: the same small network, loss, budget and data set, three seeds; restoration and generation, with numbers;
# 4. another medium: sound.
#
# Ten minutes; no GPU needed. Only section 2 trains anything; section 3 reads `results/hot_and_cold.json`, written by `studies/hot_and_cold.py`.

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
STEPS = settings.choose(400, 10)  # of the one live training, in section 2: about two minutes on two CPU cores
IMAGES = settings.choose(200, 10)  # test images it is scored on

# %% [markdown]
# ## 1 · Five ways to lose an image
# `make(task, data)` finds degradations beyond the paper's three tables: `noise` (hot diffusion), `mean` (blur down to the mean colour), `line` (a straight way
# to any other image, as in InDI), `decolour` and `snow`. All have one interface: `degrade.draw(n)` fixes what is random, the call takes images and a severity.
#
# **Predict.** At the last severity, in which of the rows could you still tell which digit it was?

# %%
import json
import torch
import matplotlib.pyplot as plt
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make
from colddiff_nb.notebook import show
from colddiff_nb.notebook.pictures import grid

test = load(DATA, "test", settings.data)
x0 = to_float(test.pixels[:IMAGES])
rows = {"noise": {}, "mean": {}, "superres": {}, "line": {"end": "superres"}, "snow": {}}
pictures = {f"{share} %": [] for share in (0, 25, 50, 75, 100)}
for task, options in rows.items():
    D = make(task, DATA, **options).draw(1, torch.Generator().manual_seed(0))
    for share, column in zip((0, 0.25, 0.5, 0.75, 1), pictures.values()):
        column.append(D(x0[4:5], round(share * D.T))[0].clamp(-1, 1))
show(grid({name: torch.stack(column) for name, column in pictures.items()}, rows=list(rows), title="Severity, as a share of T"),
     "One digit under five degradations: noise, blur to the mean, pixelation, a line to the pixelated image, snow; at five severities.")

# %% [markdown]
# **What you saw.** Noise and blur to the mean end in something that says nothing or one number; pixelation, the line and snow leave a measurement. That is the
# first difference: *generation* needs an end that is easy to draw without an image, *restoration* an end that still holds one.
#
# ## 2 · Your own degradation, in fifteen lines
# Subclass `Degradation`, give `apply_at(x0, t, randomness)`; what is random comes from `draw_randomness`. The base class sees to the rest: D(x, 0) is x bit for
# bit, t may differ from image to image, nothing is computed in reduced precision. Here more and more pixels go missing, in an order drawn for each image.

# %%
from colddiff_nb.degradations import Degradation, check_degradation, register


class Missing(Degradation):
    """Pixels go missing (grey), in an order drawn for each image; at severity T, 15 of 16 are gone."""

    def draw_randomness(self, n, generator):
        return torch.rand(n, 1, self.size, self.size, generator=generator)

    def apply_at(self, x0, t, order):
        return x0 * (order > 15 / 16 * self.share(t, x0))


register("missing", Missing, T=16)

# %% [markdown]
# `check_degradation` tries it on random images and says in words what is wrong; an empty list is good news.

# %% tags=["nbval-check-output"]
assert check_degradation(make("missing", DATA)) == []
print("ok: Missing keeps the rules that samplers and training rely on")

# %% [markdown]
# **Predict.** What will it say of this one? There are two mistakes in one line.

# %% tags=["nbval-check-output"]
class Careless(Missing):
    def apply_at(self, x0, t, order):
        return x0 * (torch.rand_like(x0) > 15 / 16 * t[0] / self.T)


said = check_degradation(Careless(32, {"task": "careless"}, 16))
print("\n".join(f"ok, found: {sentence}" for sentence in said))

# %% [markdown]
# **What you saw.** Its mask is drawn anew in every call (Algorithm 2 would subtract one and add another), and the first image's severity is used for all.
#
# A registered task is a task like any other: recipes, trainings that resume, samplers and scores know it by its name.

# %%
from colddiff_nb.weights import load_model
from colddiff_nb.training import recipe, train

settings_of = {"steps": STEPS, "widths": (32, 48, 96), "evaluate_every": STEPS, "save_every": STEPS}
folder = settings.runs / f"own-missing-{STEPS}"
train(recipe("quick", "missing", DATA, **settings_of), folder, data_root=settings.data, log=lambda line: None)
restore, degrade, metadata = load_model(folder / "weights.safetensors")
print(f"trained on {metadata['images_seen']:,} images")

# %% [markdown]
# **Predict.** One pixel in sixteen is left. Which way restores best: direct, Algorithm 1 or Algorithm 2?

# %%
from colddiff_nb.metrics import rmse
from colddiff_nb.sampling import algorithm1, algorithm2, direct

D = degrade.draw(len(x0), torch.Generator().manual_seed(0))
x_T = D(x0, D.T)
results = {"measured": x_T} | {name: sampler(restore, D, x_T).clamp(-1, 1)
                               for name, sampler in (("direct", direct), ("Algorithm 1", algorithm1), ("Algorithm 2", algorithm2))}
show(grid({name: x[:5] for name, x in [*results.items(), ("original", x0)]}, title="15 of 16 pixels missing"),
     "Five digits of which one pixel in sixteen is left, restored in three ways, and the originals.")
print(f"What you saw: RMSE on {len(x0)} test digits:", ", ".join(f"{rmse(x, x0):.3f} ({name})" for name, x in results.items()))

# %% [markdown]
# **What you saw.** Your own degradation trains and restores without a line of new training code. Each pixel of Algorithm 2's result is written by the prediction made
# when that pixel returns (notebook 06, section 3), so its early guesses fill only a few.
#
# ## 3 · Noise against cold degradations, under one recipe
# `studies/hot_and_cold.py` trained the same small network five times over, on the same 4,000 digits with the same number of steps and the paper's uniform t,
# for three seeds each:
#
# | degradation | severities | at T |
# |---|---|---|
# | noise (hot) | 20, cosine schedule | noise alone |
# | blur (cold) | 20, as the paper's table for MNIST | nearly grey, but float32 keeps a trace |
# | pixelation (cold) | 3 | 4 x 4 pixels |
# | masks (cold) | 20, growing in the middle | the border |
# | blur with noise (hybrid) | 20 | nearly grey, and noise of some six grey levels that hides the trace |
#
# **All five are trained by cold diffusion's loss**, L1 on $x_0$, for 600 steps. Hot diffusion is usually trained by the squared error of the noise, and for much longer. So the
# tables compare degradations under one recipe. They do not compare cold diffusion with hot diffusion as it is used.
#
# The network is the package's small one, a third of its size; as always it is shown blur and pixelation together with a linear estimate of x0 computed from x_t, the
# others with x_t alone. Where there is noise, it is not known and must be estimated from the prediction: that $z$ for which $D(\hat x_0, s) = x_s$. *DDIM* does so anew in every step,
# *Algorithm 2* once, at T, and keeps it: the paper's two ways of hot sampling.

# %%
from IPython.display import Markdown, display

from studies.hot_and_cold import table_of

record = json.loads((settings.home / "results" / "hot_and_cold.json").read_text())
kinds = list(dict.fromkeys(row["degradation"] for row in record["rows"]))
seeds = {row["seed"] for row in record["rows"]}
print(f"{len(record['rows'])} rows, {record['rows'][0]['images_seen']:,} images seen by every network")


def values(record, job, degradation, sampler, score):
    """One number for each seed."""
    return [row[score] for row in record["rows"] if (row["job"], row["degradation"], row["sampler"]) == (job, degradation, sampler)]

# %% tags=["nbval-check-output"]
assert len({row["images_seen"] for row in record["rows"]}) == len({row["n"] for row in record["rows"]}) == 1
assert all(len(values(record, "generation", kind, "direct", "frechet")) == len(seeds) for kind in kinds)
print(f"ok: {len(kinds)} degradations, {len(seeds)} seeds each; every network saw as many images and was scored on as many")
assert record["budget"].get("loss", "l1") == "l1" and record["budget"]["steps"] == 600
print("ok: all were trained by the L1 loss on x0 for 600 steps, noise too; none by hot diffusion's squared error of the noise")

# %% [markdown]
# ### Restoration
# From x_T; from noise alone nothing can be restored, so noise starts at the severity whose RMSE is nearest to the others' x_T. *Identity* is the share still
# read as their digit by the shipped classifier, *Frechet* the distance in its features; ± is half the range between the seeds.
#
# **Predict.** All five start from about the same RMSE. Which damage is easiest to undo?

# %%
display(Markdown(table_of(record, "restoration")))

# %%
MARKERS = {"degraded": ("x", "#666666"), "direct": ("D", "#1a1a1a"), "Algorithm 1": ("s", "#d55e00"),
           "Algorithm 2": ("o", "#0072b2"), "DDIM": ("^", "#009e73")}


def mean(job, kind, sampler, score):
    found = values(record, job, kind, sampler, score)
    return sum(found) / len(found)


def winner(job, kind, score):
    """(value, sampler) of the sampler with the lowest mean over the seeds."""
    used = {row["sampler"] for row in record["rows"] if row["degradation"] == kind} - {"degraded"}
    return min((mean(job, kind, sampler, score), sampler) for sampler in used)


def dots(job, scores, alt):
    figure, panels = plt.subplots(1, len(scores), figsize=(11, 3.8), layout="constrained", sharey=True)
    for panel, (score, label, scale) in zip(panels, scores):
        for row, kind in enumerate(kinds):
            for place, (sampler, (marker, colour)) in enumerate(MARKERS.items()):
                found = values(record, job, kind, sampler, score)
                panel.plot(found, [row + 0.13 * (place - 2)] * len(found), marker, color=colour, fillstyle="none", label=sampler)
        panel.set(xlabel=label, xscale=scale, yticks=range(len(kinds)), yticklabels=kinds, ylim=(len(kinds) - 0.5, -0.5))
        panel.grid(color="#d4d4d4")
    handles = dict(zip(*panels[0].get_legend_handles_labels()[::-1]))
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=5)
    show(figure, alt)

# %%
dots("restoration", (("rmse", "RMSE on [0, 1]", "linear"), ("class_accuracy", "still read as their digit", "linear")),
     "RMSE and the share of digits read as themselves for five degradations and their samplers; one mark for each seed.")
restored = {kind: winner("restoration", kind, "rmse") for kind in kinds}
for kind, (error, sampler) in sorted(restored.items(), key=lambda item: item[1]):
    print(f"What you saw: {kind}: RMSE {mean('restoration', kind, 'degraded', 'rmse'):.3f} → {error:.3f} ({sampler})")

# %% [markdown]
# **What you saw.** RMSE of the input says little about what can be undone. What counts is what the measurement still tells, to the precision of the numbers that
# hold it. Compare *blur* with *blur with noise*: to the eye the same grey square. What differs is the trace in the last digits of float32, which a linear estimate reads and
# noise covers. That gap is at most how much of "deblurring" was reading that trace: *at most*, for only blur gets the small network's linear estimate as an input, the hybrid must do without.
#
# ### Generation
# Now x_T is drawn without an image: from the Gaussian that has the mean and covariance of the training images' x_T. For noise that is the exact distribution of x_T;
# for the others it is what little is known. *Digits in use* is e to the entropy of what the classifier reads: nearly 10 for real digits, 1 where all are read as one.
#
# **Predict.** Which of the five generates best with this loss and after so short a training: the one whose x_T is drawn exactly, or one whose x_T already looks like something?

# %%
display(Markdown(table_of(record, "generation")))

# %%
dots("generation", (("frechet", "Frechet distance to real digits (log)", "log"), ("digits", "digits in use", "linear")),
     "Frechet distance and number of digits in use of generated images, for five degradations and their samplers; one mark for each seed.")
made = {kind: winner("generation", kind, "frechet") for kind in kinds}
for kind, (distance, sampler) in sorted(made.items(), key=lambda item: item[1]):
    print(f"What you saw: {kind}: Frechet distance {distance:.0f} ({sampler}); of restored test images {winner('restoration', kind, 'frechet')[0]:.0f}")

# %%
from PIL import Image

show(Image.open(settings.home / "results" / "hot_and_cold.png"), "Eight digits generated by each of the five networks of seed 0.")
order = [sorted(kinds, key=lambda kind, scores=scores: scores[kind]) for scores in (restored, made)]
print("What you saw: from easiest to hardest, restoration by RMSE:", ", ".join(order[0]), "\ngeneration by Frechet distance:", ", ".join(order[1]))

# %% [markdown]
# ### What the numbers say
# A difference counts here if it has the same sign in all three seeds. Each sentence below is checked against the record. All of them are about 600 steps of training by the L1 loss.

# %% tags=["nbval-check-output"]
def lower(job, score, first, second):
    """Whether `first`, (degradation, sampler), has the lower score in every seed."""
    return max(values(record, job, *first, score)) < min(values(record, job, *second, score))


cold = ("blur", "pixelation", "masks")
hot, hybrid = ("noise", "DDIM"), ("blur with noise", "Algorithm 2")
assert all(lower("generation", "frechet", (kind, made[kind][1]), hot) for kind in cold) and lower("generation", "frechet", hot, hybrid)
print("ok: generation, all trained by L1: each cold degradation is nearer to real digits than noise, and the hybrid is farther off")
assert lower("restoration", "rmse", ("masks", "direct"), ("noise", "Algorithm 2")) and lower("restoration", "frechet", ("masks", "Algorithm 1"), hot)
print("ok: restoration: masks leave less error than noise")
assert all(lower("restoration", "rmse", ("noise", "direct"), (kind, "direct")) for kind in ("blur", "pixelation", "blur with noise"))
print("ok: restoration: blur, pixelation and the hybrid leave more error than noise")
assert lower("restoration", "rmse", ("blur", "direct"), ("blur with noise", "direct"))
assert lower("generation", "frechet", ("blur", "direct"), hybrid)
print("ok: a noise of six grey levels makes blur worse at both jobs")

# %% [markdown]
# - **When does cold work?** Where x_T keeps what is asked for, at the precision it is measured with. All three cold degradations restore most digits as themselves; masks, which leave
#   the surroundings untouched, nearly all. Blur in float32, restored directly, does nearly as well as pixelation; with noise over its trace it restores one digit in four.
# - **When is it better than noise, under this recipe?** *Restoring*, from the same RMSE: masks yes, blur and pixelation no. Noise spreads its damage evenly and leaves some of every frequency, and the digit can still be
#   seen through it; from its own last state nothing can be restored at all. *Generating*: yes, all three. Their Gaussian already supplies what survives (4 x 4 means, a border, in float32 even a
#   trace of every frequency), and the network makes the rest. With noise it must make all of the digit.
# - **Is that a verdict on hot diffusion?** No. The theory of hot diffusion needs a network that predicts the mean. The squared error trains such a network, L1 trains one that predicts the
#   median. How much that costs noise here was not measured.
# - **What does cold pay?** Real x_T are not Gaussian: the step from the Frechet distance of restored images to that of generated ones is the price, and it is large. Noise does not pay it, as its draw is
#   exact: it has only its network to improve. So the order may turn in longer trainings or with another loss. This experiment does not say.
# - **And the hybrid?** Here it is the worst of both. It hides the trace that blur restores from, and nearly all of the digit is left to make, as with noise. One thing it does buy: its restored and its generated images
#   are equally far from real ones, within the spread of the seeds, so the drawn x_T are no longer what limits it.
# - **Which sampler?** For noise DDIM has the lower Frechet distance at both jobs, and not the lower RMSE. For a cold D direct has the lower RMSE; in Frechet distance the iteration wins for pixelation and masks, for blur only
#   Algorithm 1 does, and only when generating.
#
# All of this is for one tiny network, one loss, minutes of training, digits, and one strength of the noise in the hybrid.
#
# ### One formula for both samplers
# With a noise that is estimated anew, $D(\hat x_0, s)$ is $x_s$ itself, so in Algorithm 2 the first two terms cancel, and what is left is DDIM.

# %% tags=["nbval-check-output"]
from colddiff_nb.samplers import ddim

noise, guess = make("noise", DATA, T=20), x0[:4].flip(0)
x_s = noise.draw(4, torch.Generator().manual_seed(0))(x0[:4], 12)
estimated = noise.estimate(x_s, guess, 12)
assert torch.allclose(estimated(guess, 12), x_s, atol=1e-5)
step = ddim(lambda x, s, start: guess, noise, x_s, T=[12, 11], trajectory=True).x[1]
assert torch.allclose(step, x_s - estimated(guess, 12) + estimated(guess, 11), atol=1e-5)
print("ok: DDIM is Algorithm 2 with the noise estimated anew in each step, whatever the network guesses")

# %% [markdown]
# ## Exercises
# ### 1 · What was seen, put back
# Give `Missing` a projection: `project_at` returns the guess with the pixels that were seen put in. Then `project_onto_measurement(direct)` uses it with any sampler.

# %% tags=["exercise:seen"]
def project_at(self, x0_hat, x_t, t, order, measurement_precision):
    """x0_hat with the pixels put in that x_t still shows. As in apply_at, a pixel is gone where order <= 15 / 16 * t / T."""
    return None  # todo: replace this line

# %% tags=["check:seen"]
def check_seen():
    from colddiff_nb.samplers import project_onto_measurement
    whole = type("Whole", (Missing,), {"project_at": project_at})(32, {"task": "missing"}, 16)
    drawn, guess = whole.draw(10, torch.Generator().manual_seed(1)), torch.full((10, 1, 32, 32), 0.25)
    true = x0[:10].clamp(min=0)  # a pixel that was seen may be 0, too
    for t in (4, 12):
        x_t = drawn(true, t)
        answer = project_at(whole, guess, x_t, t, drawn.randomness, "float32")
        if answer is None:
            return "todo: write project_at(self, x0_hat, x_t, t, order, measurement_precision)"
        if not torch.is_tensor(answer) or answer.shape != guess.shape:
            return "not yet: return images of the shape of x0_hat"
        gone = drawn.randomness <= 15 / 16 * t / 16
        if not torch.equal(answer[~gone], true[~gone]):
            return "not yet: where the pixel was seen, it must be that of x_t, at every severity, even if it is 0"
        if not (answer[gone] == 0.25).all():
            return "not yet: where the pixel is gone, the guess must stay"
    better = rmse(project_onto_measurement(direct)(lambda x, s, start: guess, drawn, x_t, T=t), true) < rmse(guess, true)
    return "ok: what was seen is kept, and the error can only fall" if better else "not yet: the error must fall"
print(check_seen())

# %% [markdown] tags=["solution:seen"]
# <details><summary>Solution</summary>
#
# ```python
# def project_at(self, x0_hat, x_t, t, order, measurement_precision):
#     return torch.where(order > 15 / 16 * t / self.T, x_t, x0_hat)
# ```
# </details>

# %% [markdown]
# ### 2 · Sound
# Nothing here is about images. A sound is a tensor (B, 1, 1, N); degrade it as pixelation does, by the mean of every $2^t$ samples. The samplers need no more
# than a call `D(x, t)` and a `D.T`.

# %% tags=["exercise:sound"]
def coarser(x, t):
    """x (B, 1, 1, N) with each block of 2 ** t samples replaced by its mean; x itself for t = 0."""
    return None  # todo: replace this line

# %% tags=["check:sound"]
def check_sound():
    time = torch.linspace(0, 1, 256)
    pitches = torch.tensor([[3, 7, 12], [4, 5, 9]])  # two chords of three tones
    chord = torch.sin(2 * torch.pi * pitches[:, :, None] * time).mean(1).view(2, 1, 1, 256)
    if coarser(chord, 3) is None:
        return "todo: write coarser(x, t)"
    D = type("Coarser", (), {"T": 4, "__call__": lambda self, x, t: coarser(x, t)})()
    if any(not torch.is_tensor(D(chord, t)) or D(chord, t).shape != chord.shape for t in range(5)):
        return "not yet: the result must have the shape of x: repeat each mean 2 ** t times"
    if not torch.equal(D(chord, 0), chord):
        return "not yet: at t = 0 nothing may change"
    for t in range(1, 5):
        for block in (slice(0, 2 ** t), slice(-2 ** t, None)):
            if (D(chord, t)[..., block] - chord[..., block].mean(-1, keepdim=True)).abs().max() > 1e-6:
                return f"not yet: at t = {t} the first {2 ** t} samples must be their mean, and so must the last {2 ** t}"
    heard = algorithm2(lambda x, s, start: torch.randn(x.shape, generator=torch.Generator().manual_seed(int(s[0]))), D, D(chord, 4))
    return "ok: even with random guesses Algorithm 2 returns a sound that agrees with the recording" if torch.allclose(
        D(heard, 4), D(chord, 4), atol=1e-4) else "not yet: each severity must be a coarsening of the one before"
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
# A network for sound takes the place of the lambda in the check; 1-D convolutions do. Text is the harder medium: replaced letters have no mean, so $x_s - D(\hat x_0, s) + D(\hat x_0, s-1)$
# has no meaning, while Algorithm 1, which only ever degrades a guess, still has.
#
# ## Quiz
# <details><summary>1. What must a degradation give so that samplers and training can use it?</summary>
#
# D(x, 0) = x exactly, a severity for each image, and randomness that is drawn once and kept: `check_degradation` tries all three.
# </details>
#
# <details><summary>2. Why can nobody restore from the last state of noise, and everybody generate from it?</summary>
#
# It holds nothing of the image; therefore its distribution is known exactly without one.
# </details>
#
# <details><summary>3. To the eye, blurred and blurred-with-noise are the same grey square. What differs?</summary>
#
# Float32 keeps of the blurred one differences far below a grey level, from which a network can read the digit. A noise of a few grey levels covers them.
# </details>
#
# <details><summary>4. Why does a cold D generate worse than it restores?</summary>
#
# The network was trained on the x_T of real images and reads fine structure in it. A drawn x_T has the right mean and covariance and not that structure.
# </details>
#
# <details><summary>5. When is DDIM an instance of Algorithm 2?</summary>
#
# When D is signal plus noise and the noise is estimated from the current state and prediction: then D(x0_hat, s) = x_s.
# </details>
