# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 5 · Inpainting: what does a network do with holes it never saw?
# A student's project trained a network on one hole and tested it on others. Its restored images scored *worse* than those with the hole. Why? You
# need notebook 03. Running takes about five minutes on a CPU, reading about fifteen.
# ```text
# trained on one   on holes anywhere, any width   wider holes:
# █ █ █ █ █ █      █ █ █ █ █ █   · · · █ █ █      · · · · · ·
# █ █ · · █ █      █ · █ █ █ █   · · · █ █ █      no warning
# ```
# When you have finished, you will be able to
# - describe a mask by its width and its centre, and say which masks a network was trained for,
# - show what happens outside that range, and explain why Algorithm 2 closes a hole ring by ring,
# - choose training masks that do not spoil an image, and fill a hole of any shape.

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
IMAGES = settings.choose(32, 3)  # test images behind every number of section 2
STEPS = settings.choose(300, 3)  # of each small training in section 4
HOLE = (6, 12, 24, 18)  #@param {type: "raw"}
UNCHECKED = settings.smoke or WEIGHTS == "mine"  # the numbers in "What you saw" are for ours

# %% [markdown]
# ## 1 · What is a mask?
# A mask erases an image around a centre $c$. It is a product. Each factor is one minus a blurry dot, each dot a little wider than the last:
# $$x_s = m_s \cdot x_0, \quad m_s(p) = \prod_{i \le s} \big(1 - e^{-|p-c|^2 / 2\sigma_i^2}\big), \quad \sigma_i = 1.1, 1.2, 1.3, \dots$$
#
# Erased means middle grey, the value 0. For example, the mask of $s = 1$ is one dot. Two pixels from its centre it lets through
# $1 - e^{-4 / 2.42} = 81\,\%$ of a pixel. So **the severity is the width**. Our networks were trained with severities $t = 1, \dots, T$ and
# $T = 50$, and centres anywhere on the image. (The sampler's severity is called $s$.) The formula goes on, and `masks` below ends at 100.

# %%
import matplotlib.pyplot as plt
import pandas, torch
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import DrawnDegradation, make
from colddiff_nb.metrics import rmse
from colddiff_nb.notebook import show
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook.pictures import grid
from colddiff_nb.sampling import algorithm1, algorithm2, direct
where = WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke")
test = {name: load(dataset, "test", settings.data) for name, dataset in DATA.items()}
models = {name: choose_model("inpaint", dataset, *where) for name, dataset in DATA.items()}
print("weights:", "; ".join(f"{name}: {chosen.label}" for name, chosen in models.items()))

# %% tags=["nbval-check-output"]
trained, T = models["mnist"].degrade, models["mnist"].degrade.T  # the masks of training
masks = make("inpaint", DATA["mnist"], T=2 * T)  # the same formula, twice as far
assert torch.equal(masks.table[:T + 1], trained.table)
print(f"ok: up to s = {T} these are exactly the masks of training")
def radius(s):  # table[s]: what mask s lets through, by the squared distance from its centre
    return float((masks.table[s] < 0.5).sum()) ** 0.5  # up to here less than half the light
print("radius:", ", ".join(f"{radius(s):.1f} pixels (s = {s})" for s in (1, 20, 40, T, 2 * T)))

# %% [markdown]
# **Predict.** What does the network do with a hole in a corner? With one whose centre lies above the image? With a hole far wider than any in its
# training? (It restores in one pass, *direct*. So it may change known pixels, too. Beyond 50 it is told 50, the largest severity it knows.)

# %%
def restorer(name):
    return lambda x_s, s, start: models[name].restore(x_s, s.clamp(max=T), start.clamp(max=T))
PLACES = {"in the middle": (16, 12), "in a corner": (4, 4), "above the image": (-6, 16)}
WIDTHS = (5, 20, 40, 50, 60, 80, 100)
digit, columns = to_float(test["mnist"].pixels[:1]), {}
for s in WIDTHS:
    images = []
    for centre in PLACES.values():
        D = DrawnDegradation(masks, torch.tensor([centre]))
        images += [D(digit, s), direct(restorer("mnist"), D, D(digit, s), s)]
    columns[f"s = {s}"] = torch.cat(images)

# %%
rows = [label for place in PLACES for label in (place, "restored")]
columns["$x_0$"] = digit.repeat(len(rows), 1, 1, 1)
show(grid(columns, rows=rows, title="Ever wider holes; training ended at s = 50"),
     "A digit under ever wider holes in three places, and restored: good up to s = 50, bad beyond.")
middle = {s: rmse(columns[f"s = {s}"][1:2], digit) for s in WIDTHS}
print("What you saw: the RMSE of the restored digit, hole in the middle, is",
      ", ".join(f"{error:.3f} (s = {s})" for s, error in middle.items()))
assert UNCHECKED or middle[100] > 3 * middle[20]

# %% [markdown]
# **What you saw.** Within the training range the digit comes back, or nearly, in all three places. The first place is near the middle (row 16,
# column 12). There, from $s = 80$ on, the network paints a shape that is no digit. In the corner the digit survives $s = 80$, but not 100. A centre
# above the image did no harm, since the part that you see resembles masks of training.
# ## 2 · How does the error grow with the width?
# Now more test images, centres drawn at random, and all three ways of restoring. **Predict.** Draw the RMSE against the radius of the hole. What
# happens where the training range ends: a step, a bend, or nothing?

# %%
SEVERITIES = settings.choose((2, 5, 10, 20, 30, 40, 50, 60, 70, 85, 100), (5, 50, 60))
WAYS = {"with the hole": lambda R, D, x_s, s: x_s, "direct": direct,
        "Algorithm 1": algorithm1, "Algorithm 2": algorithm2}
curves = {name: {way: [] for way in WAYS} for name in DATA}
for name in DATA:
    x0 = to_float(test[name].pixels[:IMAGES])
    D = masks.draw(len(x0), torch.Generator().manual_seed(0))
    for s in SEVERITIES:
        for way, sampler in WAYS.items():
            curves[name][way].append(rmse(sampler(restorer(name), D, D(x0, s), s), x0))

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
styles = {"color": ("#666666", "#1a1a1a", "#d55e00", "#0072b2"), "marker": (None, "D", "s", "o")}
for panel, (name, curve) in zip(panels, curves.items()):
    panel.axvspan(0, radius(T), color="#cfe8f6", label="training range")
    for (way, y), colour, marker in zip(curve.items(), *styles.values()):
        panel.plot([radius(s) for s in SEVERITIES], y, color=colour, marker=marker, label=way)
    panel.set(title=f"RMSE, {DATA[name]}", xlabel="radius of the hole in pixels", ylim=(0, None))
panels[0].legend()
show(figure, "RMSE against the hole's radius: it rises slowly in the training range, then faster.")
end = SEVERITIES.index(T)
for name, curve in curves.items():
    print(f"What you saw: {name}: the RMSE at s = {T} and s = {SEVERITIES[-1]} is",
          "; ".join(f"{y[end]:.3f} and {y[-1]:.3f} ({way})" for way, y in curve.items()))
assert UNCHECKED or min(curve["direct"][-1] / curve["direct"][end] for curve in curves.values()) > 2

# %% tags=["nbval-check-output"]
for name, curve in curves.items():
    assert curve["direct"][end] < min(0.7 * curve["with the hole"][end], curve["direct"][-1])
    print(f"ok: {name}: at s = {T} the network helps; beyond the training range it errs more")

# %% [markdown]
# **What you saw.** In the training range the error grows more slowly than beyond it, and no step or message marks its end. You have to know it. Two
# causes meet there: little is left to restore from, and the network never saw such holes. This figure cannot tell them apart. On colour images
# Algorithm 1 even does harm: far outside the range its error is larger than that of the image with the hole. It replaces the pixels around the
# hole, too. (A caution: a pixel is *known* where the mask is 1, and *invented* where it is near 0. Many between look erased but are only *dimmed*, and
# float32 still holds them. So part of this success is arithmetic: exercise 1 and [our measurements](../results/details.md#what-masks-let-through)
# show how much. Rounded to 8 bits, direct goes from .050 to .051 for digits and from .053 to .058 for photos, on all test images.)
# ## 3 · Why does the hole close ring by ring?
# The mask stays in one place while sampling (see notebook 03). Put it into Algorithm 2, $x_{s-1} = x_s - D(\hat x_0, s) + D(\hat x_0, s-1)$. It
# becomes $x_{s-1} = x_s + (m_{s-1} - m_s)\,\hat x_0$. So a step adds the guess times the difference of two masks. **Predict.** What shape is it?

# %%
x0 = to_float(test["mnist"].pixels[:IMAGES])
D = masks.draw(len(x0), torch.Generator().manual_seed(0))
x_T = D(x0, T)
path = algorithm2(restorer("mnist"), D, x_T, T, trajectory=True)
shown, columns = (x_T - x0).square().flatten(1).sum(1).argmax(), {}  # what the hole hurts most
for s in (50, 40, 30, 20, 10, 5, 2):
    state, added = path.x[T - s][shown], (path.x[T - s + 1] - path.x[T - s])[shown]
    columns[f"s = {s}"] = torch.stack([state, added / added.abs().max().clamp(min=1e-12)])
show(grid(columns, rows=["state", "step adds"], title="A hole closes (steps stretched)"),
     "A digit whose hole is painted from the rim inwards; each step adds a ring, ever smaller.")

# %% tags=["nbval-check-output"]
m = [D(torch.ones_like(x0), s) for s in range(T + 1)]  # the masks themselves
for s in range(T, 0, -1):
    after = path.x[T - s] + (m[s - 1] - m[s]) * path.x0_hat[T - s]
    assert torch.allclose(path.x[T - s + 1], after, atol=1e-5)
print(f"ok: each of the {T} steps adds its guess times the difference of two neighbouring masks")

# %% [markdown]
# **What you saw.** The difference is a ring. Each ring is written by a guess that has already seen the rings outside it. The ten steps from
# $s = 50$ fill the hole from radius 13.5 to radius 11.0. Where both masks are 1, nothing is ever added.
# ## 4 · Why can a restored image be worse than the image with the hole?
# In that student's files, digits with a hole have an SSIM of 0.916, restored ones 0.592. (SSIM compares local structure; 1 means equal.
# [All the numbers](../results/details.md#the-course-reports-own-rows)) We repeat the mistake on a small scale: 300 steps, one seed, RMSE in place
# of SSIM. One small network is trained twice, equally long. The first time all digits have the same mask, the widest, in the middle. The second
# time masks are drawn for each digit. **Predict.** Which is better under that one mask? And will the first one help with a *narrow* hole?

# %%
from colddiff_nb.networks import SmallUNet
train = load(DATA["mnist"], "train", settings.data)
digits = to_float(train.pixels[:settings.choose(20_000, 1_000)])
def masked(x0, one_mask):  # digits with holes, and their severities t
    t, centres = torch.randint(1, T + 1, (len(x0),)), trained.draw_randomness(len(x0), None)
    if one_mask:
        t, centres = torch.full_like(t, T), torch.full_like(centres, 15)
    return DrawnDegradation(trained, centres)(x0, t), t

# %%
def teach(one_mask):
    torch.manual_seed(0)
    network = SmallUNet(trained, 1, widths=(16, 24, 32))
    network.precondition.fit(trained, digits[:500])
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS)
    for _ in range(STEPS):
        x0 = digits[torch.randint(len(digits), (32,))]
        optimizer.zero_grad()
        (network(*masked(x0, one_mask)) - x0).abs().mean().backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)
taught = {"trained on one mask": teach(True), "trained on all masks": teach(False)}

# %%
TRIALS = {"the one mask": (T, 15, 15), "elsewhere": (T, 8, 21), "narrow": (3, 8, 21)}
x0 = to_float(test["mnist"].pixels[:settings.choose(500, 8)])
results = {name: [] for name in ("with the hole", *taught)}  # a batch of digits for each trial
for s, *centre in TRIALS.values():
    D = DrawnDegradation(trained, torch.tensor([centre] * len(x0)))
    results["with the hole"].append(D(x0, s))
    for name, network in taught.items():
        results[name].append(direct(network, D, D(x0, s), s))
scores = {name: [rmse(batch, x0) for batch in made] for name, made in results.items()}
one, every = (scores[name][2] / scores["with the hole"][2] for name in taught)
print(f"What you saw: RMSE of the narrow hole times {one:.1f} (one mask), {every:.1f} (all masks)")
assert settings.smoke or one > 1.3 > 0.9 > every

# %%
spoilt = (results["trained on one mask"][2] - x0).abs().mean((1, 2, 3)).argmax()
columns = {name: torch.stack([batch[spoilt] for batch in made]) for name, made in results.items()}
show(grid(columns | {"$x_0$": x0[spoilt].repeat(3, 1, 1, 1)}, rows=list(TRIALS), scale=4),
     "One digit under three masks. Under the narrow one the network of one mask spoils strokes.")
pandas.DataFrame(scores, index=list(TRIALS)).round(3)

# %% [markdown]
# **What you saw.** Trained on one wide mask, a network learns one task: undo *that* mask. There it is even the better one. Under a narrow hole it
# changes strokes all over the digit. There is little to gain, and *direct* can spoil every pixel. Such holes were not in its training. So
# - train with every severity and centre that you will meet, drawn anew for each image,
# - test on such masks, and outside them on purpose. Print the score of the degraded image, too: doing nothing may be better.
# ## 5 · A hole of your own
# The networks know only round holes with soft rims. So each pixel of your hole borrows the mask of a place in the widest one of training
# ($s = 50$). Your rim borrows from its rim, your deepest pixel from its centre. Known pixels are put back into every guess, as in RePaint. Change
# `HOLE` in the parameters (first row, first column, last row, last column), or paint another `hole` below. Then run this section again.

# %%
hole = torch.zeros(32, 32, dtype=torch.bool)
hole[HOLE[0]:HOLE[2] + 1, HOLE[1]:HOLE[3] + 1] = True
assert 0 < hole.sum() < 1024, f"HOLE = {HOLE} erases nothing, or everything: change it"
at = torch.cartesian_prod(torch.arange(32.0), torch.arange(32.0))  # (1024, 2)
to_hole, to_known = (torch.cdist(at, at[part.flatten()]).amin(1).view(32, 32)
                   for part in (hole, ~hole))  # each pixel's distance from them
lost = float((masks.table[T] < 1e-7).sum()) ** 0.5  # within this radius float32 holds nothing
far = torch.where(hole, lost * (1 - to_known / to_known.max()), lost + to_hole)

# %%
class Own:
    T, masks = T, masks.table[:, far.square().round().long()]  # one (32, 32) for each severity
    def __call__(self, x, s):
        return x * self.masks[s]
def fill(R, x):  # only the pixels of the hole change
    keep_known = lambda x_s, s, start: torch.where(hole, R(x_s, s, start).clamp(-1, 1), x)
    return algorithm2(keep_known, Own(), Own()(x, T)).where(hole, x).clamp(-1, 1)

# %%
for name in DATA:
    x0 = to_float(test[name].pixels[:5])
    x = torch.where(hole, 0, x0)  # from here on the erased pixels are unknown
    filled = fill(restorer(name), x)
    columns = {f"{i + 1}": torch.stack(images) for i, images in enumerate(zip(x, filled, x0))}
    show(grid(columns, rows=["hole", "filled in", "$x_0$"]),
         "Five images under your own hole, filled in, and as they were.")
    print(f"What you saw: {name}: RMSE {rmse(x, x0):.3f} with the hole, {rmse(filled, x0):.3f} now")
    assert UNCHECKED or HOLE != (6, 12, 24, 18) or rmse(filled, x0) < rmse(x, x0)

# %% [markdown]
# **What you saw.** Strokes are joined across the hole. In the photos much of the hole stays grey, because photos are harder to guess than digits.
# ## Exercises
# ### 1 · What is not really lost
# A soft mask dims before it erases. Where the mask is known and lets more than 0.05 through, division gives the pixel back.

# %% tags=["exercise:divide"]
def divide(x_T, mask):
    """x_T = x0 * mask, both (B, 1, 32, 32). Return x0 where mask > 0.05, and 0 elsewhere."""
    return None  # todo: replace this line

# %% tags=["check:divide"]
def check_divide():
    x0 = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    D = make("inpaint", "mnist").draw(4, torch.Generator().manual_seed(1))
    mask = D(torch.ones_like(x0), 50)
    answer, right = divide(x0 * mask, mask), x0.where(mask > 0.05, 0)
    if answer is None:
        return "todo: write divide(x_T, mask)"
    if answer.shape != x0.shape or not torch.allclose(answer, right, atol=1e-4):
        return "not yet: return x0 where mask > 0.05, else 0 (0 / 0 is no number: use torch.where)"
    return f"ok: {100 * float((mask > 0.05).float().mean()):.0f} % of the pixels were not lost"
print(check_divide())

# %% [markdown] tags=["solution:divide"]
# <details><summary>Solution</summary>
#
# ```python
# def divide(x_T, mask):
#     return torch.where(mask > 0.05, x_T / mask.clamp(min=0.05), 0.0)
# ```
# </details>

# %% [markdown]
# ### 2 · Who writes this pixel?
# The step from $s$ writes the share $m_{s-1} - m_s$ of a pixel. Find the step that writes most of a pixel at a given distance from the centre.
# `table[s, d2]` is the mask of severity s at the *squared* distance d2.

# %% tags=["exercise:writer"]
def writer(table, distance):
    """The severity s whose step writes most of a pixel at this distance, a whole number."""
    return None  # todo: replace this line

# %% tags=["check:writer"]
def check_writer():
    table, distances = make("inpaint", "mnist").table, (0, 2, 5, 8, 10)
    answers = [writer(table, r) for r in distances]
    if answers[0] is None:
        return "todo: write writer(table, distance)"
    right = [int((table[:-1, r * r] - table[1:, r * r]).argmax()) + 1 for r in distances]
    if [int(answer) for answer in answers] != right:
        return "not yet: which s in 1..T has the largest table[s - 1, d2] - table[s, d2]?"
    return "ok: the further out, the earlier: ring by ring"
print(check_writer())

# %% [markdown] tags=["solution:writer"]
# <details><summary>Solution</summary>
#
# ```python
# def writer(table, distance):
#     share = table[:-1, distance ** 2] - table[1:, distance ** 2]
#     return int(share.argmax()) + 1
# ```
# </details>

# %% [markdown]
# ## What you learnt
# - A mask has a width and a centre. A network is good for those it was trained with, and does not notice when it leaves them.
# - Algorithm 2 adds rings: each step writes where two neighbouring masks differ, and nothing where both are 1.
# - A network that knows one mask spoils images under another. Compare every result with its input.
#
# **Next:** `06_why_iterate` finds for *every* degradation which step writes what. `04_metrics` is about SSIM and other scores. **References.**
# Bansal et al., [*Cold Diffusion*](https://arxiv.org/abs/2208.09392). Lugmayr et al., [*RePaint*](https://arxiv.org/abs/2201.09865): known pixels
# go back in at each step. Kawar et al., [*DDRM*](https://arxiv.org/abs/2201.11793): any known hole, one network.
