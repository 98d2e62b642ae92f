# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 2 · Training: what it costs, what it looks like, and how to survive a crash
#
# A network R is trained to answer a degraded image $D(x_0, t)$ and its severity $t$ with the original: the loss is $|R(D(x_0, t), t) - x_0|$. Here you
#
# 1. see what each recipe costs, measured on this machine;
# 2. watch a training live, kill it in the middle (really), and let it go on as if nothing had happened;
# 3. see what becomes of a network that is too simple;
# 4. start the long run, on a rented GPU with its files on Google Drive.
#
# Fifteen minutes; no GPU needed.

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
DATA = settings.dataset("mnist")  # without internet: "mnist5k"
RUNS = settings.runs / "notebook-02"  # emptied below, so that each Run All starts at step 0
USE_DRIVE = False  # on Colab: keep the runs of section 5 on your Google Drive
RUN_LONG = False  # section 5: the course report's 200,000 steps, for a GPU such as an A100
NAMED = settings.choose("quick", "smoke")
STEPS = settings.choose((16, 64, 256), (4, 8, 32))  # where pictures are taken; the last one is the end of the training

# %% [markdown]
# ## 1 · Recipes and their cost
# A recipe is everything that decides what a training gives, one frozen dataclass. These are the named ones.

# %%
import torch
import matplotlib.pyplot as plt
from IPython.display import display
from colddiff_nb.data import load, to_float
from colddiff_nb.notebook import show
from colddiff_nb.training import RECIPES, recipe

print(f"{'recipe':8}{'steps':>9}{'images a step':>15}{'images seen':>14}   network, optimiser")
for name in RECIPES:
    r = recipe(name, "deblur", "mnist")
    print(f"{name:8}{r.steps:9,}{r.batch * r.accumulate:15}{r.images_seen:14,}   {r.network}, Adam {r.learning_rate:g} {r.schedule}, EMA {r.ema}")

# %% [markdown]
# The cost of a recipe is its images divided by the images a second of your machine. `measure` takes a few optimiser steps with random images: of the first it
# counts the arithmetic, the others it times.
#
# **Predict.** How many days would the paper's recipe take on this machine?

# %%
import time
from torch.utils.flop_counter import FlopCounterMode


def measure(r, batch, steps):
    """(images a second, operations an image, parameters) of a recipe's network in training, here."""
    degrade = r.degradation().to(settings.device)
    network = r.build(degrade).to(settings.device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-5)
    x0, t = torch.rand(batch, 1, 32, 32, device=settings.device) * 2 - 1, torch.full((batch,), degrade.T, device=settings.device)

    def step():
        loss = (network(degrade(x0, t), t) - x0).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the GPU

    with FlopCounterMode(display=False) as counter:
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * batch / (time.perf_counter() - start), counter.get_total_flops() / batch, sum(p.numel() for p in network.parameters())

# %% [markdown]
# Recipes that share a network share its rate.

# %%
measured, cost = {}, {}
for name in RECIPES:
    r = recipe(name, "deblur", "mnist")
    size = settings.choose((8, 1), (1, 1)) if r.network == "paper" else settings.choose((64, 4), (4, 1))
    if (r.network, r.widths) not in measured:
        measured[r.network, r.widths] = measure(r, *size)
    cost[name] = measured[r.network, r.widths]
print(f"{'recipe':8}{'parameters':>12}{'images/s here':>15}{'hours here (estimate)':>23}")
for name, (speed, _, parameters) in cost.items():
    print(f"{name:8}{parameters:12,}{speed:15,.2f}{recipe(name, 'deblur', 'mnist').images_seen / speed / 3600:23,.3f}")
print(f"What you saw: the paper's recipe would take {recipe('paper', 'deblur', 'mnist').images_seen / cost['paper'][0] / 86_400:,.0f} days here.")

# %% [markdown]
# **What you saw.** Rates were measured just now, on a machine that may have had other work to do; hours are estimates, images divided by the rate: nobody ran the long recipes here.
#
# For a GPU there is an estimate that needs no measurement: the operations of one training image (counted above) against the GPU's peak in float32. The paper's networks need true
# float32 (notebook 01 shows why), so the much larger peaks of tensor cores do not count. A training reaches a part of the peak only: expect two to four times as long, and put
# the rate that your own GPU prints in the place of this estimate.

# %%
PEAK = {"T4": 8.1e12, "A100": 19.5e12, "L4": 30.3e12, "H100": 67e12}  # float32 operations a second, from the maker's data sheets
for name in ("report", "paper"):
    r, operations = recipe(name, "deblur", "mnist"), cost[name][1]
    hours = {gpu: r.images_seen * operations / peak / 3600 for gpu, peak in PEAK.items()}
    print(f"{name}: {operations / 1e9:.1f} G operations an image; estimate at peak:", ", ".join(f"{value:.1f} hours ({gpu})" for gpu, value in hours.items()))

# %% tags=["nbval-check-output"]
assert recipe("paper", "deblur", "mnist").images_seen == 700_000 * 64 == 44_800_000
assert recipe("report", "deblur", "mnist").images_seen == 200_000 * 64
print("ok: the paper's recipe sees 44.8 million images, the report's 12.8 million: every MNIST training digit hundreds of times")

# %% [markdown]
# ## 2 · A training, live
# `train(recipe, folder)` is the whole loop. Every `evaluate_every` steps it calls `on_evaluate(step, network)`; ours restores eight digits that training never sees and
# redraws one figure in place. This works in Colab and in JupyterLab, and what stays in the file is an ordinary picture.

# %%
import csv
import shutil
from colddiff_nb.metrics import rmse
from colddiff_nb.sampling import direct
from colddiff_nb.training import train

shutil.rmtree(RUNS, ignore_errors=True)
RUNS.mkdir(parents=True)
RECIPE = recipe(NAMED, "superres", DATA, steps=STEPS[-1], evaluate_every=STEPS[0], save_every=STEPS[0] // 2, rollout=0.0)
FOLDER = RUNS / "live"
train_images = load(DATA, "train", settings.data)
x0 = to_float(load(DATA, "validation" if DATA == "mnist" else "test", settings.data).pixels[:100])
degrade = RECIPE.degradation()
x_T = degrade(x0, degrade.T)
print(f"{RECIPE.name}: {RECIPE.steps} steps of {RECIPE.batch} images, {degrade.task} on {DATA}, T = {degrade.T}")

# %%
def curve(folder):
    """Steps and losses so far: each loss is the mean since the row before."""
    path = folder / "curve.csv"
    rows = list(csv.DictReader(path.open())) if path.is_file() else []
    return [int(row["images"]) for row in rows], [float(row["loss"]) for row in rows]


def story(pictures, folder, killed=None):
    """The figure to remember: eight digits at several moments, above the curve of the loss."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 8), layout="constrained", height_ratios=[3, 2])
    rows = {"measured": x_T[:8], **pictures, "original": x0[:8]}
    mosaic = torch.cat([torch.cat(list(torch.nn.functional.pad(row[:, 0], (1, 1, 1, 1), value=1.0)), 1) for row in rows.values()], 0)
    top.imshow(mosaic.clamp(-1, 1), cmap="gray", vmin=-1, vmax=1)
    top.set(xticks=[], yticks=[34 * i + 16 for i in range(len(rows))], yticklabels=list(rows))
    bottom.plot(*curve(folder), "o-", color="#0072b2", label="loss, mean since the last point")
    bottom.set(xlabel="images seen", ylabel="L1 loss", xlim=(0, RECIPE.images_seen * 1.02))
    bottom.grid(color="#d4d4d4")
    if killed:
        bottom.axvline(killed * RECIPE.batch, color="#d55e00", linestyle="--", label=f"killed; went on from step {killed}")
    bottom.legend()
    return figure

# %%
class Live:
    """on_evaluate for train: keeps pictures, redraws the figure in place."""
    def __init__(self):
        self.pictures, self.killed = {}, None
        self.open()

    def open(self):
        """Show the figure here from now on."""
        self.handle = display(*self.figure(), display_id=True, metadata=self.alt)

    alt = {"image/png": {"alt": "Eight digits as measured, restored at several moments of the training, and original, above the curve of the loss."}}

    def figure(self):
        figure = story(self.pictures, FOLDER, self.killed)
        plt.close(figure)
        return (figure,)

    def draw(self):
        self.handle.update(*self.figure(), metadata=self.alt)

    def __call__(self, step, network):
        restored = direct(network, degrade.to(settings.device), x_T.to(settings.device)).cpu()
        if step in STEPS:
            self.pictures[f"{step * RECIPE.batch:,} images"] = restored[:8]
        self.draw()
        return {"rmse_direct": rmse(restored, x0)}

# %% [markdown]
# **Predict.** After a thousand images, what will the network have learned: strokes, blobs, or nothing?

# %%
live, lines = Live(), []
train(RECIPE, FOLDER, images=train_images, until=STEPS[1], on_evaluate=live, log=lines.append)
live.draw()
images, losses = curve(FOLDER)
print(f"What you saw: the loss fell from {losses[0]:.3f} to {losses[-1]:.3f} within {images[-1]:,} images")

# %% [markdown]
# ## 3 · Killed for real
# The same training goes on in a process of its own, `python -m colddiff_nb train ...`. When it has written a few checkpoints, it is killed with SIGKILL: no warning, no
# chance to save, as when a Colab runtime is taken away or the power fails.
#
# **Predict.** Where will the loss go on: where it was, higher, or from the start?

# %%
import subprocess

options = {"task": RECIPE.task, "dataset": DATA, "steps": RECIPE.steps, "evaluate-every": RECIPE.evaluate_every, "save-every": RECIPE.save_every,
           "rollout": RECIPE.rollout, "run": FOLDER.resolve(), "data": settings.data.resolve()}
command = ["train", RECIPE.name, *(str(word) for name, value in options.items() for word in (f"--{name}", value))]


def newest_checkpoint():
    return max(int(path.stem.split("-")[1]) for path in FOLDER.glob("step-*.pt"))


with open(RUNS / "log.txt", "w") as log:
    process = subprocess.Popen([sys.executable, "-m", "colddiff_nb", *command], cwd=settings.home, stdout=log, stderr=subprocess.STDOUT)
    while newest_checkpoint() < 2 * STEPS[1] - STEPS[0] and process.poll() is None:
        time.sleep(0.02)
    process.kill()  # SIGKILL
    print(f"killed: exit status {process.wait()}; the newest checkpoint is of step {newest_checkpoint()} of {RECIPE.steps}")

# %% [markdown]
# The same call as before, in this notebook. It finds the newest intact checkpoint by itself.

# %%
live.killed, lines = newest_checkpoint(), []
live.open()
train(RECIPE, FOLDER, images=train_images, on_evaluate=live, log=lines.append)
live.draw()
print("What you saw:", next(line for line in lines if line.startswith("resumed")).split(" from")[0])

# %% tags=["nbval-check-output"]
images, losses = curve(FOLDER)
assert 0 < live.killed < RECIPE.steps and f"resumed at step {live.killed}" in " ".join(lines)
assert images == sorted(set(images)) and images[-1] == RECIPE.images_seen
print("ok: killed in the middle, resumed at the step of its newest checkpoint, and trained to its last step; no step is in the curve twice or missing")

# %% [markdown]
# Was nothing lost? Train a twin that nobody kills, to just beyond the kill, and compare its losses row by row.

# %%
twin = RUNS / "twin"
until = min(RECIPE.steps, (live.killed // STEPS[0] + 1) * STEPS[0])
train(RECIPE, twin, images=train_images, until=until, log=lambda line: None)
apart = [abs(mine - its) for mine, its in zip(losses, curve(twin)[1])]
print(f"{len(apart)} rows compared, up to step {until}: largest difference of the losses {max(apart):.2g}")

# %% tags=["nbval-check-output"]
assert max(apart) < 0.01 * losses[0]
print("ok: the killed training has the losses of a twin that nobody killed")

# %% [markdown]
# That needs two things in a checkpoint that are often forgotten: the **optimiser's state** (Adam's running means; without them the first steps after a resume are wild)
# and the **randomness**. Here each step draws its images, severities and masks from (seed, step) alone, so there is no generator to save:

# %% tags=["nbval-check-output"]
from colddiff_nb.training.loop import draw_batch

first = draw_batch(RECIPE, degrade, 1_000, step=12).index
draw_batch(RECIPE, degrade, 1_000, step=13)
assert torch.equal(first, draw_batch(RECIPE, degrade, 1_000, step=12).index)
print("ok: step 12 draws the same images whatever was drawn before it")

# %% [markdown]
# ### What happens without
# The course report's code saved the network but not the optimiser. Its own metrics file shows each resume: a step that was scored twice.
#
# **Predict.** The worst resume came after 40,000 steps. How many more did it take to be back at the SSIM from before it?

# %%
with open(settings.home / "results" / "report" / "mnist.csv") as file:
    report = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
resumes = [i for i in range(1, len(report)) if report[i]["step"] == report[i - 1]["step"]]
worst = min(resumes, key=lambda i: report[i]["ssim"] - report[i - 1]["ssim"])
lost = next(row["step"] for row in report[worst:] if row["ssim"] >= report[worst - 1]["ssim"]) - report[worst]["step"]
figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
axes.plot([row["step"] for row in report], [row["ssim"] for row in report], "o-", color="#1a1a1a", markersize=4, label="SSIM of the course report, deblurring MNIST")
axes.plot([report[i]["step"] for i in resumes], [report[i]["ssim"] for i in resumes], "s", color="#d55e00", markersize=9, fillstyle="none", label="scored again after a resume")
axes.set(xlabel="steps", ylabel="SSIM", ylim=(0, None))
axes.grid(color="#d4d4d4")
axes.legend(loc="lower right")
show(figure, "SSIM of the course report over its steps, with the rows after a resume marked: at one of them it falls steeply.")
print(f"What you saw: after that resume it took {lost:,.0f} steps to be back at the old SSIM")

# %% tags=["nbval-check-output"]
before, after = report[worst - 1], report[worst]
assert before["step"] == after["step"] == 40_000
print(f"ok: in the report's file the largest fall at a resume is at step {after['step']:,.0f}: SSIM {before['ssim']:.3f} to {after['ssim']:.3f}")
assert lost > before["step"]
print(f"ok: the way back took {lost:,.0f} steps, more than all steps before it")

# %% [markdown]
# ## 4 · A network that is too simple
# The course report's lesson: its first network was too simple. Three simplifications of the small network, each trained for the same few
# seconds on the same images: without the connections from encoder to decoder, without being told the severity, with few channels.
#
# **Predict.** Which simplification hurts inpainting most?

# %%
VARIANTS = {"whole network": {}, "no skip connections": {"skips": False}, "no severity input": {"time_input": False}, "fewer channels": {"widths": (8, 16, 40)}}
inpainting = recipe(NAMED, "inpaint", DATA, steps=settings.choose(120, 4), batch=settings.choose(32, 8), evaluate_every=1_000, save_every=1_000, rollout=0.0)
D = inpainting.degradation().draw(len(x0), torch.Generator().manual_seed(0))
masked, rows, errors = D(x0, D.T), {}, {}
for name, changes in VARIANTS.items():
    choice = recipe(NAMED, "inpaint", DATA, **{field: getattr(inpainting, field) for field in ("steps", "batch", "evaluate_every", "save_every", "rollout")} | changes)
    network = train(choice, RUNS / name.replace(" ", "-"), images=train_images, log=lambda line: None)
    restored = direct(network.cpu(), D, masked)
    rows[name], errors[name] = restored[:8], rmse(restored, x0)

# %%
from colddiff_nb.notebook.pictures import grid

shown = {"masked": masked[:8], **rows, "original": x0[:8]}
labels = [f"{name}, RMSE {errors[name]:.3f}" if name in errors else name for name in shown]
columns = {f"{i + 1}": torch.stack([images[i] for images in shown.values()]) for i in range(8)}
show(grid(columns, 2, labels, f"Inpainting after {inpainting.images_seen:,} images"), "Eight digits masked, restored by four networks, and original.")
worst = max(errors, key=errors.get)
print(f"What you saw: RMSE {rmse(masked, x0):.3f} (masked),", ", ".join(f"{error:.3f} ({name})" for name, error in errors.items()), f"- the highest: {worst}")

# %% [markdown]
# **What you saw.** One seed and a few thousand images: differences of a few percent are chance, large ones are not. Without skip connections all that
# the network adds has to pass through its narrow middle, 8 x 8 in size: what is fine in it is lost. Longer ablations with several seeds, where they were run:

# %%
import json
from PIL import Image

record = settings.home / "results" / "ablations" / "record.json"
longer = json.loads(record.read_text()) if record.is_file() else None
for variant in longer["variants"] if longer else []:
    print(f"{variant['name']:24}{variant['parameters']:>10,} parameters   direct RMSE {variant['rmse_direct']:.4f}   Algorithm 2 {variant['rmse_algorithm2']:.4f}")
print(f"{longer['images_seen']:,} images each" if longer else "longer ablations: not run (python -m studies run ablations)")
if record.with_name("restored.png").is_file():
    show(Image.open(record.with_name("restored.png")), "Eight digits restored by the whole network and by three simpler ones after a longer training.")

# %% [markdown]
# ## 5 · The long run
# On Colab a runtime ends after some hours, and its disk with it. With `USE_DRIVE = True` above, runs go to your Google Drive: a training that was cut off goes on in the next
# runtime with the same cell. (In every notebook the variable `COLDDIFF_NB="runs=/content/drive/MyDrive/colddiff"` does the same, once your Drive is mounted.)

# %%
from colddiff_nb.notebook.settings import long_runs

folder, sentence = long_runs(settings, USE_DRIVE)
print(sentence)

# %% [markdown]
# The report's recipe: the paper's network, 200,000 steps. On an A100 expect hours, not minutes: section 1 has an estimate, and the training prints its own rate every ten seconds. It resumes by itself.

# %%
LONG = recipe("report", "deblur", "mnist")
print(f"{LONG.steps:,} steps of {LONG.batch} x {LONG.accumulate} images, a checkpoint every {LONG.save_every:,} steps")
print("from a terminal: python -m colddiff_nb train report --task deblur --dataset mnist")
if RUN_LONG:
    from colddiff_nb.training.validation import validation_scores
    train(LONG, folder / "report-deblur-mnist", data_root=settings.data, on_evaluate=validation_scores(LONG, settings.data))
else:
    print("RUN_LONG is False: nothing was started")

# %% [markdown]
# ## Exercises
# ### 1 · Draws that survive a crash
# Return the indices of the images of one step, such that a training that resumes at any step sees what an uninterrupted one sees. Use a `torch.Generator` of its own. A trap:
# on the CPU `manual_seed` uses the lowest 32 bits of its number only.

# %% tags=["exercise:indices"]
def indices(seed, step, n_images, batch):
    """int64 (batch,), each in 0..n_images - 1."""
    return None  # todo: replace this line

# %% tags=["check:indices"]
def check_indices():
    answers, state = {}, torch.get_rng_state()
    for seed, step in ((0, 1), (0, 2), (1, 1), (1, 2), (0, 3), (0, 1_001)):
        answers[seed, step] = indices(seed, step, 50, 200)
        if answers[seed, step] is None:
            return "todo: write indices(seed, step, n_images, batch)"
    if any(answer.shape != (200,) or answer.dtype != torch.int64 or answer.min() < 0 or answer.max() > 49 for answer in answers.values()):
        return "not yet: return 200 whole numbers (int64) of 0..49"
    if not torch.equal(state, torch.get_rng_state()):
        return "not yet: torch's own generator was used or seeded, and all that draws from it afterwards is changed; make one of your own"
    torch.rand(7)
    if not torch.equal(indices(0, 2, 50, 200), answers[0, 2]):
        return "not yet: asked again for the same step, it must give the same; what else has been drawn meanwhile must not matter"
    if len({tuple(answer.tolist()) for answer in answers.values()}) < len(answers):
        return "not yet: two different (seed, step) gave the same images; seed 0 step 2 and seed 1 step 1 must differ, also seed 0 step 1,001"
    return "ok: a resume needs no saved generator"
print(check_indices())

# %% [markdown] tags=["solution:indices"]
# <details><summary>Solution</summary>
#
# ```python
# def indices(seed, step, n_images, batch):
#     generator = torch.Generator().manual_seed(seed * 1_000_003 + step)  # for fewer steps than that
#     return torch.randint(n_images, (batch,), generator=generator)
# ```
# </details>

# %% [markdown]
# ### 2 · The average of the weights
# What is sampled is a running mean of the weights: average ← decay · average + (1 − decay) · weights, at every step. Which decay makes the influence of a step fall to one half after
# `half_life` further steps?

# %% tags=["exercise:decay"]
def decay_of(half_life):
    """A number between 0 and 1."""
    return None  # todo: replace this line

# %% tags=["check:decay"]
def check_decay():
    for half_life in (1, 10, 250):
        decay = decay_of(half_life)
        if decay is None:
            return "todo: write decay_of(half_life)"
        influence = 1.0
        for _ in range(half_life):
            influence *= decay
        if abs(influence - 0.5) > 1e-6:
            return f"not yet: after {half_life} steps the influence is {influence:.3f} of what it was, not 0.5"
    return "ok: after half_life steps half is left"
print(check_decay())

# %% [markdown] tags=["solution:decay"]
# <details><summary>Solution</summary>
#
# ```python
# def decay_of(half_life):
#     return 0.5 ** (1 / half_life)
# ```
# </details>

# %% [markdown]
# ### 3 · How often to save
# A checkpoint costs `save` seconds, a step `step` seconds; killed at a random moment, you lose on average half of the steps since the last one. Runtimes live for about `life` seconds. Return
# the number of steps between checkpoints that wastes least. (Per second of training the waste is about save / (n · step) + n · step / (2 · life).)

# %% tags=["exercise:every"]
def save_every(save, step, life):
    """The best n, as a float."""
    return None  # todo: replace this line

# %% tags=["check:every"]
def check_every():
    for save, step, life in ((2.0, 0.1, 3600.0), (0.5, 0.02, 40_000.0), (10.0, 1.0, 7200.0)):
        n = save_every(save, step, life)
        if n is None:
            return "todo: write save_every(save, step, life)"
        waste = lambda n, save=save, step=step, life=life: save / (n * step) + n * step / (2 * life)
        if n <= 0 or waste(n) > 1.001 * min(waste(n * factor) for factor in (0.5, 0.8, 0.95, 1, 1.05, 1.25, 2)):
            return "not yet: another n wastes less; set the derivative with respect to n to zero"
    return "ok: neither saving too often nor losing too much"
print(check_every())

# %% [markdown] tags=["solution:every"]
# <details><summary>Solution</summary>
#
# ```python
# def save_every(save, step, life):
#     return (2 * save * life) ** 0.5 / step
# ```
# </details>

# %% [markdown]
# ## Quiz
# <details><summary>1. What must a checkpoint hold besides the weights?</summary>
#
# The optimiser's state, the averaged weights (EMA), the step, and whatever decides the next random draws (here nothing: they follow from seed and step).
# </details>
#
# <details><summary>2. Why can a resumed training be bit for bit the same here?</summary>
#
# Every step draws from (seed, step) alone, and the checkpoint has all else. (The same machine and number of threads are needed, too: sums of floats depend on their order.)
# </details>
#
# <details><summary>3. A recipe needs 12.8 million images; your GPU does 500 images a second. How long?</summary>
#
# 25,600 seconds, about seven hours. An estimate, until somebody has run it.
# </details>
#
# <details><summary>4. The report's SSIM fell at a resume. Why did it not fall at each of them?</summary>
#
# The file does not say. One plausible reason: without Adam's running means the first steps are of the wrong size, and how much that hurts depends on the gradients of that moment.
# </details>
#
# <details><summary>5. The loss still falls, but slowly. Is more training the remedy?</summary>
#
# Perhaps not. A network with too few channels, or without skip connections, is behind the whole network after the same training (section 4). Notebook 04 extends the report's curve and asks the same.
# </details>
