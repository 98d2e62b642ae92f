# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 6 · Why iterate?
# One call of the network already guesses the clean image: $\hat x_0 = R(x_s, s)$. Algorithms 1 and 2 call it up to 50 times. Their RMSE is often
# higher than that of the first guess (notebook 03, section 4). What are the other calls for?
# ```text
# result = x_T + part of guess T   + ... + part of guess 1
# blur, T = 40   almost nothing          almost all
# hole, T = 50   the outermost ring      the last dot
# pixels, T = 3  8 x 8 detail            32 x 32 detail
# ```
# When you have finished, you will be able to
# - compute from D alone which guess writes which part of a restored image,
# - say what the paper's proof of Algorithm 2 shows, and what it does not,
# - calculate how much of a guess's error one step lets through.
#
# ($T$: largest severity, $s$: the sampler's.) You need notebook 03 and Fourier series. Running takes two minutes on a CPU, reading about fifteen.

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
IMAGES = settings.choose(128, 2)  # test images behind every number
UNCHECKED = settings.smoke or WEIGHTS == "mine"  # the numbers in "What you saw" are for ours

# %%
from io import BytesIO
import torch
import matplotlib.pyplot as plt
from PIL import Image
from colddiff_nb.data import load, to_float
from colddiff_nb.notebook import show
from colddiff_nb.notebook.flipbook import Flipbook
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.sampling import algorithm1, algorithm2

# %%
TASKS = ("deblur", "superres", "inpaint")
pixels = load(DATA, "test", settings.data).pixels[:IMAGES]
where = (DATA, WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke"))
models = {task: choose_model(task, *where) for task in TASKS}
for task, model in models.items():
    print(f"weights: {task}, mnist: {model.label}")

def measured(task):
    """Originals, the degradation with its holes drawn once, and the measurement x_T."""
    x0 = to_float(pixels)
    D = models[task].degrade.draw(len(x0), torch.Generator().manual_seed(0))
    return x0, D, D(x0, D.T)

runs = {task: algorithm2(model.restore, *measured(task)[1:], trajectory=True)
        for task, model in models.items()}

# %% [markdown]
# ## 1 · What does the paper's proof say?
# The paper (section 3.3) takes a D that adds a fixed image $e$, more of it with each step: $D(x, s) = x + s\,e$. Suppose the state is right,
# $x_s = x_0 + s\,e$. Then one step of Algorithm 2 gives
#
# $$x_{s-1} = x_s - D(\hat x_0, s) + D(\hat x_0, s-1) = (x_0 + s\,e) - (\hat x_0 + s\,e) + (\hat x_0 + (s-1)\,e) = x_0 + (s-1)\,e.$$
#
# The guess $\hat x_0$ cancels. So the next state is right, too, **for any R**. The result, $\tilde x_0$, is the original $x_0$.
# **Predict.** Take an R that answers with random images. What does Algorithm 2 return? And Algorithm 1?

# %% tags=["nbval-check-output"]
class Shift:
    """D(x, s) = x + s e."""
    T, e = 10, torch.linspace(-0.1, 0.1, 32 * 32).view(1, 1, 32, 32)

    def __call__(self, x, s):
        return x + s * self.e

def random_guess(x_s, s, start=None):
    return torch.rand(x_s.shape, generator=torch.Generator().manual_seed(int(s[0]))) * 2 - 1

x0, D = to_float(pixels[:2]), Shift()
first, second = (way(random_guess, D, D(x0, 10)) for way in (algorithm1, algorithm2))
assert (second - x0).abs().max() < 1e-5 and torch.equal(first, random_guess(x0, [1]))
print("ok: Algorithm 2 returns x_0 though R guesses at random; Algorithm 1 returns R's last guess")

# %% [markdown]
# Did R restore anything? No: D knows $e$, so the answer was in D. The proof shows **tolerance**: with this D, wrong guesses do no harm. It does not
# show that guesses are good. The paper adds a remark. Every smooth D with $D(x, 0) = x$ begins like this (Taylor, in $s$, around $s = 0$):
#
# $$D(x, s) = x + s\,e(x) + \text{higher-order terms}.$$
#
# Read it with care, for two reasons.
# - Now $e(x)$ depends on the image. Algorithm 2 takes away $e(\hat x_0)$, but $e(x_0)$ would be right. So the guess no longer cancels.
# - The form holds for small $s$. Restoration starts at $s = T$, where the higher-order terms are most of D.
#
# **Predict.** Blur, pixelation, masks: for which does the random R still give back the original? (The cell calls that *forgiven*.)

# %% tags=["nbval-check-output"]
for task in TASKS:
    x0, D, x_T = measured(task)
    error = (algorithm2(random_guess, D, x_T) - x0).abs().max()
    print(f"ok: {task}: a random R is not forgiven" if error > 0.5 else f"{task}: forgiven?")

# %% [markdown]
# ## 2 · How much of a wrong guess does one step let through?
# Blur, pixelation and masks are **linear**: $D(x, s) = A_s x$ with a matrix $A_s$. For them we need no Taylor series. Call
# $\varepsilon_s = x_s - A_s x_0$ the error of the state. One step of Algorithm 2 adds $(A_{s-1} - A_s)\,\hat x_0$ to the state, and the right step
# would add $(A_{s-1} - A_s)\,x_0$. Subtract:
#
# $$\varepsilon_{s-1} = \varepsilon_s + (A_{s-1} - A_s)\,(\hat x_0 - x_0) \quad\text{(Algorithm 2)}, \qquad
# \varepsilon_{s-1} = A_{s-1}\,(\hat x_0 - x_0) \quad\text{(Algorithm 1)}.$$
#
# Algorithm 2 keeps the old error. It adds the error of the guess only where something returns between $s$ and $s - 1$. Algorithm 1 forgets the old
# error, and takes over all of the guess's error that $A_{s-1}$ lets through.
#
# *With numbers.* On the rim of a hole the mask lets 0.50 of a pixel through at $s$, and 0.55 at $s - 1$. The guess is off by 0.2. Algorithm 2 adds
# $0.05 \cdot 0.2 = 0.01$ to the error. Algorithm 1 has $0.55 \cdot 0.2 = 0.11$. That looks eleven times better, but steps add up. If $x_T$ holds
# $g_T$ of the pixel and all guesses are off by 0.2, Algorithm 2 ends with $(1 - g_T) \cdot 0.2$, Algorithm 1 with 0.2.
# **Predict.** In which steps does Algorithm 2 let much of the guess's error through: the early ones, the late ones, or all alike?

# %%
sizes, passed = {}, {}  # of errors on [0, 1]: those of the guesses, what each step adds, its share
for task, run in runs.items():
    x0, D, _ = measured(task)
    off = [(x0_hat - x0) / 2 for x0_hat in run.x0_hat]
    added = [D(one, s - 1) - D(one, s) for s, one in zip(run.severities, off)]
    sizes[task] = [[float(x.square().mean().sqrt()) for x in errors] for errors in (off, added)]
    passed[task] = [new / guessed for guessed, new in zip(*sizes[task])]
print("For example, the step at s = 5 lets", ", ".join(
    f"{passed[task][-5]:.1%} ({task})" for task in ("deblur", "inpaint")), "of the error through.")
assert UNCHECKED or max(passed["deblur"][:-4]) < 0.02 and min(passed["superres"]) > 0.4

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained", sharey=True)
for panel, task in zip(panels, TASKS):
    for y, marker, colour in zip(sizes[task], ("D-", "o-"), ("#d55e00", "#0072b2")):
        panel.plot(runs[task].severities, y, marker, color=colour, markersize=4)
    panel.set(title=task, xlabel="severity s of the guess", ylim=(0, None))
    panel.invert_xaxis()
    panel.locator_params(axis="x", integer=True)
panels[0].set_ylabel("RMS on [0, 1]")
names = ["error of the guess", "what the step adds to the state's error"]
figure.legend(panel.lines, names, loc="outside upper center", ncols=2)
show(figure, "Error of each guess, and what its step adds to that of the state, for three tasks.")

# %% [markdown]
# **What you saw.** A deblurring step lets nearly nothing through until the last two. In inpainting every step adds a little, the last ones most. In
# pixelation each adds half of the guess's error or more. So "why iterate?" has a different answer for each D. We compute it now.
# ## 3 · Which guess writes what?
# Write all steps of Algorithm 2 below each other. $\hat x_0^{(s)}$ is the guess made at severity $s$, and $\tilde x_0$ the result:
#
# $$\tilde x_0 = x_T + \sum_{s=1}^{T} (A_{s-1} - A_s)\, \hat x_0^{(s)}.$$
#
# An image can be written as a sum of patterns, each times a number, its **coefficient**. For each D here there are patterns that it treats one by
# one: it multiplies each coefficient by a number, its **gain** $g_s$. For blur the patterns are *waves*, for a mask single *pixels*. For pixelation
# they are *bands of detail*, which it keeps ($g_s = 1$) or drops ($g_s = 0$). A coefficient **returns** where its gain rises from $s$ to $s - 1$. The
# guess at $s$ writes the share $g_{s-1} - g_s$ of it. *With numbers:* a pixel has the gains 1, 0.7, 0.2 at $s$ = 0, 1, 2. Then $x_T$ holds 0.2 of it,
# the guess at 2 writes $0.7 - 0.2 = 0.5$, and the guess at 1 writes $1 - 0.7 = 0.3$. All shares add up to $1 - g_T$, which was lost. In short:
# > **Each coefficient is written by the guesses made while it returns, one or several.** (The result of Algorithm 1 is its last guess.)
#
# The gains come from D, without a network. `analyse` splits an image into its coefficients. So we can check the sentence.

# %% tags=["nbval-check-output"]
x0, D, x_T = measured("inpaint")
shown, shares = int((x_T - x0).square().flatten(1).sum(1).argmax()), {}  # it has the worst hole
for task, run in runs.items():
    (x0, D, _), analyse = measured(task), models[task].degrade.analyse
    hole = D.randomness[shown].expand(D.T + 1, -1)  # its place, where there is one
    gains = D.degrade.gains_at(torch.arange(D.T + 1), hole)[:, 0].double()  # (T + 1, 32, 32)
    shares[task] = gains[:-1] - gains[1:]  # shares[task][s - 1] belongs to the guess at s
    total = analyse(run.x[0])[shown] + sum(shares[task][s - 1] * analyse(x0_hat)[shown]
                                           for s, x0_hat in zip(run.severities, run.x0_hat))
    assert (total - analyse(run.result)[shown]).abs().max() < 1e-2
    print(f"ok: {task}: a coefficient is the measured one, plus share times guess for each s")

# %% [markdown]
# **Predict.** Now follow the schedule, from $s = T$ down to 1. For blur, at which $s$ do you first see the digit in the state?
# Choose a task and drag the slider. (Without a kernel there is none: look at the three pictures above it.) From left to right you see
# - the shares that this guess writes: pixels for *inpaint*; for the others coarse coefficients top left, fine ones bottom right,
# - the guess itself, what the step adds of it, and the new state.
#
# A share is purple where it is positive, orange where negative. A step makes purple pixels brighter and orange ones darker: black painted into a grey
# hole is orange. The colours end at 1, for *inpaint* at 0.1.

# %%
def page(task, s):
    """PNG bytes of one step, and a sentence about it."""
    k, run, most = len(shares[task]) - s, runs[task], 0.1 if task == "inpaint" else 1
    state, after, guess = (images[shown, 0] for images in (run.x[k], run.x[k + 1], run.x0_hat[k]))
    titles = "its shares", f"guess at s = {s}", "the step adds", f"state at s = {s - 1}"
    figure, panels = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
    for panel, title, x in zip(panels, titles, (shares[task][s - 1], guess, after - state, after)):
        colours, end = ("gray", 1) if x is guess or x is after else ("PuOr", most)
        panel.imshow(x, colours, vmin=-end, vmax=end)
        panel.set(title=title, xticks=[], yticks=[])
    figure.savefig(file := BytesIO(), format="png", dpi=85)
    plt.close(figure)
    part = shares[task][s - 1].abs().sum() / shares[task].abs().sum()
    return file.getvalue(), f"{task}: the guess at s = {s} writes {part:.1%} of what is written."

# %%
steps = {"inpaint": [*range(50, 0, -7)], "deblur": [40, 20, 10, 5, 3, 2, 1], "superres": [3, 2, 1]}
pages = {task: {s: page(task, s) for s in steps[task]} for task in steps}
for task, s in (("inpaint", 22), ("deblur", 2), ("superres", 2)):
    png, sentence = pages[task][s]
    show(Image.open(BytesIO(png)), f"Shares, guess, what the step adds, the new state. {sentence}")
    print(sentence)
Flipbook(pages, ["task", "severity s"]).widget

# %% [markdown]
# **What you saw.** A guess may show a whole digit. Only what its shares let through gets into the state. For blur the state at $s = 1$ is still a
# blot. The guess at 1 writes 97 % of all shares, so the digit shows at $s = 0$ only.
# ## 4 · What does that say about blur, holes and bands?
# **Predict.** Blurred digits have T = 40. How many of the 40 guesses matter for most waves?

# %% tags=["figure:map"]
figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
along = shares["deblur"][:, 0, [0, *range(1, 32, 2)]]  # (40, 17): cosines, 0 to 16 cycles an image
picture = axes.pcolormesh(torch.arange(18) - 0.5, torch.arange(41) + 0.5, along,
                          cmap="PuOr", vmin=-1.2, vmax=1.2)
axes.set(yscale="log", yticks=[1, 2, 5, 10, 20, 40], yticklabels=[1, 2, 5, 10, 20, 40],
         xlabel="cycles per image along one axis", ylabel="severity s of the guess",
         title="Blurred digits: the share of a frequency that the guess at s writes")
axes.minorticks_off()
axes.invert_yaxis()
figure.colorbar(picture, ax=axes, label="share")
show(figure, "Only the lowest frequencies are written early; all others in the last three steps.")
late = int((shares["deblur"][:3].sum(0) >= 0.9).sum())
print(f"What you saw: the last 3 of 40 guesses write at least 90 % of {late:,} of 1,024 waves.\n"
      f"  The smallest share is {shares['deblur'].min():.2f}.")
assert late > 1000 and shares["deblur"].min() < -0.1  # from D alone, at any size

# %% [markdown]
# **What you saw.** Strokes are written in the last three steps, nearly all of them in the very last. Some shares are negative: the blur turns those
# waves upside down. So the result is *no average* of the guesses. **Predict.** In a hole, which is painted first, the rim or the middle?

# %% tags=["nbval-check-output"]
mask = models["inpaint"].degrade.table  # (T + 1, squared distance from the centre): its gains
for r in (10, 8, 5, 2):
    s = int((mask[:, r * r] > (1 + mask[-1, r * r]) / 2).sum())  # 0..s-1 take less than half
    print(f"ok: {r} pixels from the centre the guess at s = {s} brings half of a pixel back")

# %% [markdown]
# "Half of a pixel" means half of what the mask took. The guess *at* that $s$ writes it, so the state at $s - 1$ is the first to hold it. The rim
# comes first. So a late guess sees the ring that earlier guesses have painted, and can continue its strokes. A single guess cannot: it is made when
# nothing is painted yet. But a stroke that is continued can still be wrong.
# ## 5 · So, why iterate?
# **Here not for a lower error, at times for realism.** On all test digits, from float32, direct and Algorithm 2 have RMSE 0.132 and 0.140 (blur, T =
# 40), 0.107 and 0.109 (pixelation), 0.050 and 0.060 (holes). FID (realism, lower is better) falls for pixelation, from 24.31 to 20.37. Elsewhere
# it ties ([results](../results/README.md)). Iterating is useless where late guesses are neither nearer nor more real than the first. What to ask:
# - **D**: are the shares spread over the steps (masks), or nearly all in one (blur)?
# - **The network**: are late guesses better, though the states hold the errors of earlier ones? (Ours learnt from such states.)
# - **The score**: RMSE likes the one smooth guess, realism often the iteration ([numbers](../results/details.md#all-rows)).
# ## Exercises
# ### 1 · Who writes what
# You are given the gains of all coefficients, `gains[s]` for s = 0..T. Return the share of each that the guess at s writes.

# %% tags=["exercise:writes"]
def writes(gains, s):
    """gains: (T + 1, n) with gains[0] = 1. Returns (n,): what the guess at s (1..T) writes."""
    return None  # todo: replace this line

# %% tags=["check:writes"]
def check_writes():
    made = torch.cat([torch.ones(1, 6), 0.1 + 0.8 * torch.rand(4, 6)]).cumprod(0)
    answers = [writes(made, s) for s in range(1, 5)]
    if answers[0] is None:
        return "todo: write writes(gains, s)"
    if not all(torch.is_tensor(answer) and answer.shape == (6,) for answer in answers):
        return "not yet: return one number for each of the n coefficients"
    if not torch.allclose(sum(answers), 1 - made[-1]):
        return "not yet: x_T holds gains[T], so all guesses together must write 1 - gains[T]"
    if not torch.allclose(torch.stack(answers), made[:-1] - made[1:]):
        return "not yet: the guess at s writes what returns between severities s and s - 1"
    return "ok: all guesses together write what was lost"
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
# ### 2 · The error of one step
# D is linear, `D(x, s) = A[s] @ x`. Return what the step of Algorithm 2 from s to s - 1 adds to the error of the state.

# %% tags=["exercise:step_error"]
def step_error(A, s, guess, x0):
    """A: T + 1 matrices (n, n), A[0] the identity; guess, x0: (n,). Returns (n,)."""
    return None  # todo: replace this line

# %% tags=["check:step_error"]
def check_step_error():
    A, (guess, x0, x_s) = torch.stack([torch.eye(5), *torch.randn(3, 5, 5)]), torch.randn(3, 5)
    for s in (3, 2, 1):
        answer, after = step_error(A, s, guess, x0), x_s - A[s] @ guess + A[s - 1] @ guess
        if answer is None:
            return "todo: write step_error(A, s, guess, x0)"
        if not torch.is_tensor(answer) or answer.shape != (5,):
            return "not yet: return one number for each pixel"
        if torch.allclose(answer, A[s - 1] @ (guess - x0)):
            return "not yet: that is the error of Algorithm 1, which forgets the state"
        if not torch.allclose(answer, after - A[s - 1] @ x0 - (x_s - A[s] @ x0), atol=1e-4):
            return "not yet: subtract the error before, x_s - A[s] @ x0, from that after the step"
    return "ok: a wrong guess harms only where something returns"
print(check_step_error())

# %% [markdown] tags=["solution:step_error"]
# <details><summary>Solution</summary>
#
# ```python
# def step_error(A, s, guess, x0):
#     return (A[s - 1] - A[s]) @ (guess - x0)
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - For linear D each coefficient is written by the guesses made while it returns. The shares $g_{s-1} - g_s$ come from D alone.
# - One step of Algorithm 2 adds $(A_{s-1} - A_s)(\hat x_0 - x_0)$ to the error. Where D adds a fixed $e$ it adds nothing.
# - Blur is written in the last few steps, pixelation band by band, a hole from its rim inwards.
#
# **Next:** `06b_skipping_and_failing` leaves out steps that write little. `07_hot_and_cold` shows that DDIM takes this step with noise.
# **References.** Bansal et al., [*Cold Diffusion*](https://arxiv.org/abs/2208.09392), section 3.3. Rissanen et al., [*Inverse Heat
# Dissipation*](https://arxiv.org/abs/2206.13397), which blurs, adds a little noise, and generates from coarse waves to fine ones. Delbracio and
# Milanfar, [*InDI*](https://arxiv.org/abs/2303.11435), which fades the image into its measurement instead. Yen et al., [*Cold Diffusion for Speech
# Enhancement*](https://arxiv.org/abs/2211.02527), which trains on the sampler's own states.
