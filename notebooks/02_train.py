# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 2 · Appendix: training
# Training a cold diffusion model repeats one step: degrade an image, let the network guess the original, make the error smaller.
#
# ```text
# x_0 ─► D(x_0, t) ─► x_t ─► R(x_t, t) ─► guess ─► loss
#             ▲                  ▲                   │
#             └ schedule draws t ┘   R is changed ◄──┘
# ```
# When you have finished, you will be able to
# - write the loss, and say why the network is told the severity,
# - say what a severity schedule buys, and at what price,
# - stop a training at any moment, and resume it bit for bit,
# - calculate what a training costs, before you start it.
#
# ($T$ is the largest severity, $t$ a severity in training. The severity $s$ of a sampler does not occur here.) Running takes four minutes on
# two CPU cores, reading about twelve. You need notebook 00.

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
USE_DRIVE = False  #@param {type: "boolean"}
RUN_LONG = False  #@param {type: "boolean"}
DATA = settings.dataset("mnist")  # offline: mnist5k, 5,000 of its digits
RUNS = settings.runs / "notebook-02"  # emptied below: each Run All starts anew
NAMED, STEPS = settings.choose(("quick", 256), ("smoke", 32))
IMAGES = settings.choose(500, 50)  # images behind every number

# %%
import shutil, subprocess, time
import pandas, torch
import matplotlib.pyplot as plt
from IPython.display import display
from colddiff_nb.data import load, to_float
from colddiff_nb.metrics import rmse
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.notebook.settings import long_runs, show
from colddiff_nb.sampling import direct
from colddiff_nb.training import recipe, train
from colddiff_nb.training.loop import draw_batch

# %% [markdown]
# ## 1 · What does a training minimise?
# The loss is the mean distance between guess and original, over images and severities:
# $$\min_R \; \mathbb E_{x_0,\,t} \; \tfrac{1}{n} \lVert R(D(x_0, t), t) - x_0 \rVert_1, \quad n \text{ numbers in an image.}$$
# *With numbers.* An image has two pixels, 1 and -1. The guess is 0.5 and -1. The loss is $(0.5 + 0) / 2 = 0.25$. (The paper omits the $1/n$. Our loss
# is taken on [-1, 1], RMSE on [0, 1].)
#
# Our task is *inpainting*: a grey hole grows over a digit, with $T = 50$. A **recipe** holds every setting that affects the result. **Predict.** Our
# untrained network returns $x_t$ unchanged. What is its loss? (`R(x_t, t, start)` is also told where a sampler started. In training: $t$.)

# %% tags=["nbval-check-output"]
often = {"evaluate_every": STEPS // 16, "save_every": STEPS // 32, "rollout": 0.0}
RECIPE = recipe(NAMED, "inpaint", DATA, steps=STEPS, **often)
train_images = load(DATA, "train", settings.data)
unseen = load(DATA, "validation" if DATA == "mnist" else "test", settings.data)
x0 = to_float(unseen.pixels[:IMAGES])  # (N, 1, 32, 32) in [-1, 1]
D = RECIPE.degradation().draw(IMAGES, torch.Generator().manual_seed(0))
x_T, t = D(x0, D.T), torch.full((IMAGES,), D.T)
guess = RECIPE.build(D.degrade)(x_T, t, t)  # the second t: where a sampler would have started
assert torch.isclose((guess - x0).abs().mean(), (x_T - x0).abs().mean())
print("ok: the untrained network's loss is what the hole took")

# %% [markdown]
# ## 2 · What does a network learn first?
# **What you saw.** The untrained network's loss at $T$ is the mean change that the hole makes. Now train it. `train(recipe, folder)` is
# the whole loop. Now and then it calls `on_evaluate(step, network)`. Ours restores four digits that training never sees, and redraws one picture in
# place, so that you can watch. **Predict.** After a thousand images, what will stand in the hole: nothing, a blob, or strokes?

# %%
shutil.rmtree(RUNS, ignore_errors=True)
LOOKS, columns = (STEPS // 16, STEPS // 4, STEPS), {"measured": x_T[:4]}
view = {"exclude": ["image/jpeg"], "metadata": {"image/png": {
    "alt": "Four digits with a hole, restored after more and more training, and their originals."}}}

def live(step, network):
    """Restore the unseen digits, and show them beside earlier looks."""
    restored = direct(network, D, x_T.to(settings.device)).cpu()
    if step in LOOKS:
        columns[f"{step * RECIPE.batch:,} images"] = restored[:4]
        handle.update(grid(columns | {"original": x0[:4]}), **view)
    return {"rmse": rmse(restored, x0)}

# %%
handle = display(grid(columns | {"original": x0[:4]}), display_id=True, **view)
clock, quiet = time.perf_counter(), {"images": train_images, "log": lambda line: None}
network = train(RECIPE, RUNS / "towards-T", on_evaluate=live, **quiet)
rate = RECIPE.images_seen / (time.perf_counter() - clock)  # images a second
first, *_, last = pandas.read_csv(RUNS / "towards-T" / "curve.csv").rmse
print(f"What you saw: the RMSE on unseen digits is {rmse(x_T, x0):.3f} with the hole,",
      f"{first:.3f} after the first look, {last:.3f} at the end.", sep="\n  ")
assert settings.smoke or last < 0.7 * first < 0.7 * rmse(x_T, x0)

# %% [markdown]
# **What you saw.** Blobs come first, strokes later. Pixel by pixel, L1 asks for the *median* of all plausible digits, L2 (the squared error) for
# their *mean* (a picture: notebook 04, section 3). A training is done when the RMSE on unseen images no longer falls. The shipped network for this
# task reaches 0.050, after 23 times as many images.
# ## 3 · What does a severity schedule do?
# Each image of a batch gets its own $t$. The paper draws it evenly from $1, \dots, T$. With $T = 50$, only 2 % of the images are then seen at
# $T$, where restoration starts. The schedule *towards-T* of our recipe takes 60 % of the images at $T$. It draws 20 % evenly, and 20 % with a
# share that grows with $t$, up to 4 % at $T$. Together $0.6 + 0.2 \cdot 0.02 + 0.2 \cdot 0.04 = 61\,\%$ are at $T$.
# **Predict.** Train again, with the even schedule and equally many images. At which severities will it be better, at which worse?

# %% tags=["nbval-check-output"]
even = recipe(NAMED, "inpaint", DATA, steps=STEPS, severities="uniform", **often)
share = [float(torch.cat([draw_batch(one, D.degrade, 1_000, step).t == D.T for step in range(200)])
               .float().mean()) for one in (even, RECIPE)]
assert share[0] < 0.04 and 0.55 < share[1] < 0.67
print("ok: by the schedule towards-T a network sees x_T more than ten times as often")

# %%
networks = {"even": train(even, RUNS / "even", **quiet).cpu(), "towards-T": network.cpu()}
SEVERITIES = (1, 5, 10, 20, 30, 40, 50)
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
errors = []
for (name, one), style, colour in zip(networks.items(), ("s--", "o-"), ("#d55e00", "#0072b2")):
    errors.append([rmse(direct(one, D, D(x0, t), t), x0) for t in SEVERITIES])
    axes.plot(SEVERITIES, errors[-1], style, color=colour)
    axes.text(50.8, errors[-1][-1], name, va="center", color=colour)
axes.set(xlabel="severity t", ylabel="RMSE of one guess", ylim=(0, None), xlim=(0, 58),
         title="One network, equally many images, two schedules")
show(figure, "RMSE by severity: the even schedule is lower at small t, towards-T at large t.")
small, large = ([line[k] for line in errors] for k in (1, -1))
print("What you saw: RMSE, even and towards-T: {:.3f}, {:.3f} at t = 5".format(*small),
      "and {:.3f}, {:.3f} at t = 50.".format(*large))
assert settings.smoke or (small[0] < 0.95 * small[1] and large[1] < 0.97 * large[0])

# %% [markdown]
# **What you saw.** A schedule spends a budget. What is gained at $T$ is paid for at small $t$. Direct restoration asks the network only at $T$.
# Algorithms 1 and 2 ask at every severity.
# ## 4 · Why is the network told t?
# In our U-Net, $t$ becomes a vector. In each block this vector scales and shifts the channels $h$: $h \leftarrow h\,(1 + a(t)) + b(t)$. Is that
# needed? A pixelated image shows its blocks. **Predict.** We lie to a trained network. An image has blocks of 2 x 2 pixels ($t = 1$), and we say
# $t = 3$. What comes back? And if it has blocks of 8 x 8 ($t = 3$), and we say $t = 1$?

# %%
R, pixelate, label = choose_model("superres", DATA, WEIGHTS, settings.runs, settings.data, NAMED)
print(f"weights: superres, mnist: {label}")
columns, wrong = {"$x_t$": torch.stack([pixelate(x0, t)[0] for t in (1, 2, 3)])}, {}
for said in (1, 2, 3):
    severity = torch.full((IMAGES,), said)
    guesses = [R(pixelate(x0, t), severity, severity).detach() for t in (1, 2, 3)]
    columns[f"told {said}"] = torch.stack([guess[0] for guess in guesses])
    wrong |= {(t, said): rmse(guess, x0) for t, guess in zip((1, 2, 3), guesses)}
show(grid(columns, rows=["t = 1", "t = 2", "t = 3"], title="What the network is told"),
     "A digit under three pixelations: only where the told severity is right, it comes back well.")
for t in (1, 2, 3):
    print(f"What you saw: t = {t}, told 1, 2, 3: RMSE", *(f"{wrong[t, u]:.3f}" for u in (1, 2, 3)))

# %% tags=["nbval-check-output"]
assert wrong[3, 1] > rmse(pixelate(x0, 3), x0) > 1.5 * wrong[3, 3] and wrong[1, 3] > 3 * wrong[1, 1]
print("ok: told too little, the network keeps the blocks; told too much, it throws detail away")

# %% [markdown]
# **What you saw.** The severity tells the network which part of $x_t$ to trust. Told $t = 1$, it keeps 8 x 8 blocks as if they were measured detail.
# Told $t = 3$, it keeps only block means and invents the rest. The size of a hole can be seen. So on holes a network without $t$ loses little
# ([ablations](../results/details.md#three-seeds-and-the-network-without-its-parts)).
# ## 5 · What must a checkpoint hold?
# The training of section 2 runs once more, in a process of its own. We kill it in the middle, without a warning, as when a Colab runtime is
# taken away. Then the same call goes on from the newest checkpoint.
# **Predict.** How far will its weights be from those of section 2, which nobody interrupted?

# %%
KILLED = RUNS / "killed"
options = {"--task": "inpaint", "--dataset": DATA, "--steps": STEPS, "--rollout": 0,
           "--evaluate-every": STEPS // 16, "--save-every": STEPS // 32,
           "--run": KILLED.resolve(), "--data": settings.data.resolve()}
words = [sys.executable, "-m", "colddiff_nb", "train", NAMED, *sum(options.items(), ())]
def newest():  # the step of the newest checkpoint, 0 where there is none
    return max([int(path.stem.split("-")[1]) for path in KILLED.glob("step-*.pt")], default=0)
process = subprocess.Popen([*map(str, words)], cwd=settings.home, stdout=subprocess.DEVNULL)
while newest() < STEPS // 3 and process.poll() is None:
    time.sleep(0.02)
process.kill()

# %%
process.wait()
before, again = newest(), train(RECIPE, KILLED, **quiet).cpu()
pairs = zip(again.state_dict().values(), network.state_dict().values())
apart = max(float((a - b).abs().max()) for a, b in pairs)
print(f"What you saw: killed after step {before}, resumed, and trained to step {STEPS}.\n"
      f"  No weight differs by more than {apart:.2g} from the uninterrupted training.")

# %% tags=["nbval-check-output"]
assert 0 < before < STEPS and (apart == 0 or settings.device.type == "cuda")
one, _, same = (draw_batch(RECIPE, D.degrade, 1_000, step) for step in (12, 13, 12))
assert torch.equal(one.index, same.index) and torch.equal(one.t, same.t)
print("ok: step 12 draws the same images and severities, whatever was drawn before")

# %% [markdown]
# **What you saw.** The difference is 0 on the same machine. (A GPU may add numbers in another order.) Two things make that so:
# - The checkpoint holds the weights, the **optimiser's state** (Adam's running means), the step, and the **EMA**. That is a running average of the
#   weights. It varies less from step to step than the weights themselves, so `train` returns the EMA.
# - Each step draws its images and severities from a generator of its own, seeded by (seed, step). So no generator must be saved.
#
# Two checkpoints are kept. If the newest was cut short, training goes on from the one before it. The project grew out of a course report, whose
# checkpoints held only the weights. Its scores (`results/report/mnist.csv`) show each resume: there a step stands twice, before and after.
# **Predict.** Its worst resume came after 40,000 steps. How many more did it take to be back at the old score?

# %% tags=["nbval-check-output"]
report = pandas.read_csv(settings.home / "results" / "report" / "mnist.csv")
worst = report.ssim.diff()[report.step.diff() == 0].idxmin()  # the largest fall at a resume
back = report.step[worst:][report.ssim >= report.ssim[worst - 1]].iloc[0] - report.step[worst]
assert report.step[worst] == 40_000 and back == 60_000
print(f"ok: SSIM fell from {report.ssim[worst - 1]:.3f} to {report.ssim[worst]:.3f}, "
      f"and took {back:,.0f} steps to come back")

# %% [markdown]
# ## 6 · What does a training cost?
# Time is images divided by images a second. The recipe *quick* sees $450 \cdot 64 = 28{,}800$ images. (Sections 2 to 5 took 256 of its 450 steps.) At
# 900 images a second that takes 32 seconds. **Predict.** The paper's recipe sees 44.8 million images. How many days would it take on this machine?

# %%
def paper_rate(batch):
    """Images a second of the paper's MNIST network here: one step, forward and backward."""
    one, t = recipe("paper", "deblur", DATA), torch.ones(batch, dtype=torch.long)
    x, t = torch.zeros(batch, 1, 32, 32).to(settings.device), t.to(settings.device)
    large = one.build(one.degradation()).to(settings.device)
    for _ in range(2):  # the first step only warms up
        clock = time.perf_counter()
        large(x, t, t).mean().backward()
        float(next(large.parameters()).grad.sum())  # waits for a GPU
    return batch / (time.perf_counter() - clock)

# %%
H100 = {"small": 19_350, "paper": 1_026}  # images a second; small: by a CUDA graph
here = {"small": rate, "paper": paper_rate(settings.choose(8, 1))}
rows = {name: recipe(name, "deblur", "mnist") for name in ("quick", "small", "report", "paper")}
hours = {name: [one.images_seen / rates[one.network] / 3600 for rates in (here, H100)]
         for name, one in rows.items()}
print(f"What you saw: the paper's recipe would take {hours['paper'][0] / 24:,.0f} days here.")
pandas.DataFrame(hours, ["hours here", "hours on an H100"]).T.round(2).assign(
    images=[f"{one.images_seen:,}" for one in rows.values()])

# %% [markdown]
# **Read it with care.** Hours are images divided by a measured rate. We did not run the two long recipes. Was your guess 14 hours, at 900 images a
# second? The paper's network is far larger: an image takes it some 45 times as long here, 19 times on the H100. The two columns differ in protocol. Here
# the small network's rate includes its evaluations, and the paper's network made one step of batch 8. On the H100 both took batches of 64: with 1,024
# the small network is 6 times as fast ([speed](../results/speed.md)). An A100, L4 or T4 was not measured. Run this notebook there, and "hours here"
# is for that GPU. For the long run set `RUN_LONG`, and in Colab also `USE_DRIVE`. A training that was cut off then goes on in the next runtime, by
# the same cell. In a terminal it is `python -m colddiff_nb train report --task deblur --dataset mnist`. For several GPUs, SLURM, Kaggle and Modal see
# [larger machines](../examples/README.md).

# %%
folder, sentence = long_runs(settings, USE_DRIVE)
print(sentence)
if RUN_LONG:
    train(rows["report"], folder / "report-deblur-mnist", data_root=settings.data)

# %% [markdown]
# ## Exercises
# ### 1 · The loss
# Return the loss of one batch: degrade, tell the network the severity, let it guess, and compare.

# %% tags=["exercise:loss"]
def loss_of(R, D, x0, t):
    """x0: (B, 1, H, W); t: (B,). D(x0, t) degrades, R(x_t, t) guesses. Returns one number."""
    return None  # todo: replace this line

# %% tags=["check:loss"]
def check_loss():
    x0, t = torch.randn(4, 1, 8, 8), torch.tensor([1, 3, 5, 8])
    D, R = (lambda x, t: x / (1 + t.view(4, 1, 1, 1))), (lambda x, t: x + t.view(4, 1, 1, 1) / 20)
    answer, off = loss_of(R, D, x0, t), R(D(x0, t), t) - x0
    if answer is None:
        return "todo: write loss_of(R, D, x0, t)"
    answer = torch.as_tensor(answer)
    if torch.allclose(answer, off.square().mean()):
        return "not yet: that is the squared error; the paper takes L1"
    right = torch.allclose(answer, off.abs().mean())
    return "ok: equation 1 of the paper" if right else "not yet: R sees x_t and t; compare with x0"
print(check_loss())

# %% [markdown] tags=["solution:loss"]
# <details><summary>Solution</summary>
#
# ```python
# def loss_of(R, D, x0, t):
#     return (R(D(x0, t), t) - x0).abs().mean()
# ```
# </details>

# %% [markdown]
# ### 2 · A severity schedule
# A schedule takes T with probability p. Otherwise it draws t evenly from 1..T. Which share of the images has severity t?

# %% tags=["exercise:share"]
def share_of(t, T, p):
    """A number from 0 to 1, for one severity t in 1..T."""
    return None  # todo: replace this line

# %% tags=["check:share"]
def check_share():
    for T, p in ((4, 0.5), (50, 0.6), (20, 0.0)):
        shares = [share_of(t, T, p) for t in range(1, T + 1)]
        if shares[0] is None:
            return "todo: write share_of(t, T, p)"
        if abs(shares[-1] - p - (1 - p) / T) > 1e-9:
            return "not yet: T is reached in two ways, also by the even draw"
        if abs(sum(shares) - 1) > 1e-9 or abs(shares[0] - (1 - p) / T) > 1e-9:
            return "not yet: every severity in 1..T has the same part of 1 - p"
    return "ok: with T = 50 and p = 0.6, T is seen 30 times as often as with p = 0"
print(check_share())

# %% [markdown] tags=["solution:share"]
# <details><summary>Solution</summary>
#
# ```python
# def share_of(t, T, p):
#     return (1 - p) / T + p * (t == T)
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - The loss compares the guess with the original, in L1. The severity tells the network what of $x_t$ to trust.
# - A severity schedule shares a budget between severities: more at $T$ is less elsewhere.
# - A checkpoint needs the optimiser's state, and draws that depend on the step alone. Cost is images divided by a rate.
#
# **Next:** `03_sampling` uses trained networks. `04_metrics` asks what the loss does not see. **References.** Bansal et al., *Cold Diffusion* ([arXiv
# 2208.09392](https://arxiv.org/abs/2208.09392)), equation 1. Yen et al., *Cold Diffusion for Speech Enhancement*
# ([2211.02527](https://arxiv.org/abs/2211.02527)): training on states that the sampler makes, as our recipes do (`rollout`). The trainings above set
# it to 0. Feucht, [Variational Cold Diffusion](https://github.com/MaxFeucht/VariationalColdDiffusion), which perturbs the states of training.
