# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 8 · Generation
#
# Restoration starts from the measurement of an image. *Generation* starts without one: draw an $x_T$ as it might be, and restore it. That raises three questions:
#
# 1. how do fully degraded images look, and how are they drawn? Here they are 16 numbers, drawn from one Gaussian or from ten;
# 2. how good is what is restored from them?
# 3. what if $x_T$ is one number, the same grey everywhere? Then all digits of that grey look alike, and a little noise must **break the symmetry**.
#
# Five minutes; no GPU needed. Section 3 trains a small network.

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
WEIGHTS = "shipped"  # "mine": the newest of your own trainings, from settings.runs
IMAGES = settings.choose(300, 20)  # generated images behind every number, a multiple of 10
SEEDS = settings.choose(3, 1)  # of the draws
STEPS = settings.choose(400, 10)  # of the live training in section 3: about a minute on two CPU cores

# %% [markdown]
# ## 1 · Sixteen numbers
# At its last severity, pixelation leaves 4 x 4 block means. To draw such $x_T$, fit a Gaussian to those of the training images: `gaussian_like` adds to their mean a random combination of what they
# differ in, which has their covariance.
#
# **Predict.** Could you tell drawn 4 x 4 images from real ones? What might a Gaussian get wrong?

# %%
import torch
import matplotlib.pyplot as plt
from colddiff_nb.data import load, to_float
from colddiff_nb.metrics.generation import gaussian_like, generation_scores
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook import show
from colddiff_nb.notebook.pictures import grid

train_set, test_set = load(DATA, "train", settings.data), load(DATA, "test", settings.data)
x0, labels = to_float(train_set.pixels), train_set.labels
real = to_float(test_set.pixels[::len(test_set) // IMAGES][:IMAGES])
restore, D, label = choose_model("superres", DATA, WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke"))
x_T = D(x0, D.T)
print(f"weights: superres, {label}")

# %% tags=["nbval-check-output"]
numbers = x_T[:, :, ::8, ::8]  # (N, 1, 4, 4): each block once
drawn = gaussian_like(numbers, 20_000, seed=0).flatten(1)
assert torch.allclose(drawn.mean(0), numbers.flatten(1).mean(0), atol=0.03)
assert torch.allclose(torch.cov(drawn.T), torch.cov(numbers.flatten(1).T), atol=0.03)
print("ok: drawn block means have the mean and the covariance of real ones")

# %% [markdown]
# Three ways to draw, each fitted to the same training images. Block means lie in [-1, 1] and a Gaussian does not know it: the second *clamps* its draws. The third takes *ten* Gaussians, one fitted to each digit.

# %%
def one_gaussian(seed):
    return gaussian_like(x_T, IMAGES, seed)


def clamped(seed):
    return one_gaussian(seed).clamp(-1, 1)


def ten_gaussians(seed):
    return torch.cat([gaussian_like(x_T[labels == digit], IMAGES // 10, 10 * seed + digit) for digit in range(10)]).clamp(-1, 1)


def real_ones(seed):
    return x_T[torch.randperm(len(x_T), generator=torch.Generator().manual_seed(seed))[:IMAGES]]


DRAWS = {"one Gaussian": one_gaussian, "clamped": clamped, "ten Gaussians": ten_gaussians, "real x_T": real_ones}
starts = {name: draw(0) for name, draw in DRAWS.items()}
spaced = slice(0, IMAGES, IMAGES // 10)  # with ten Gaussians: the digits 0 to 9
show(grid({str(i): torch.stack([start[spaced][i] for start in starts.values()]) for i in range(10)}, rows=list(DRAWS), title="Drawn x_T"),
     "Ten pixelated images from each way to draw: one Gaussian, clamped, ten Gaussians, and real ones.")
outside = (starts["one Gaussian"].abs() > 1).float().mean()
print(f"What you saw: {outside:.0%} of the Gaussian's block means lie outside of [-1, 1]; of the real ones none does.")

# %% [markdown]
# ## 2 · Restored
# The shipped network has been trained to restore, and nothing else. Scores: the *Frechet distance* to test digits in the features of a small classifier (lower is better); *digits in use*, e to the entropy of what the
# classifier reads (10 where all are equally frequent); *spread*, the standard deviation of a pixel over the generated images. Two references need no network: other real digits, and a Gaussian fitted to
# whole digits.
#
# **Predict.** Order the rows: from which $x_T$ come the best digits?

# %%
from colddiff_nb.sampling import algorithm2
from colddiff_nb.weights import shipped_classifier

classifier = shipped_classifier("mnist")


def score(images):
    return generation_scores(images, real, classifier) | {"spread": images.flatten(1).std(0).mean().item()}


def row(name, found):
    """Mean over the seeds, and half the range between them."""
    columns = ([one[key] for one in found] for key in ("frechet", "digits", "spread"))
    shown = (f"{sum(v) / len(v):8.{d}f} ± {(max(v) - min(v)) / 2:<6.{d}f}" for v, d in zip(columns, (1, 1, 3)))
    return f"{name:32}" + "".join(shown)


HEAD = f"{'':34}Frechet          digits in use    spread"
made = {name: [algorithm2(restore, D, draw(seed)).clamp(-1, 1) for seed in range(SEEDS)] for name, draw in DRAWS.items()}
scored = {name: [score(images) for images in found] for name, found in made.items()}
print(HEAD)
for name, found in scored.items():
    print(row(f"restored from {name}", found))
print(row("a Gaussian of whole digits", [score(gaussian_like(x0, IMAGES, seed).clamp(-1, 1)) for seed in range(SEEDS)]))
print(row("real digits", [score(x0[seed::len(x0) // IMAGES][:IMAGES]) for seed in range(SEEDS)]))

# %%
show(grid({str(i): torch.stack([images[0][spaced][i] for images in made.values()]) for i in range(10)}, rows=list(made),
          title=f"Generated, {label}"), "Ten generated digits for each way to draw x_T, and ten restored from real ones.")
mean = {name: sum(one["frechet"] for one in found) / SEEDS for name, found in scored.items()}
print("What you saw: Frechet distance", ", ".join(f"{value:.0f} ({name})" for name, value in mean.items()))
wanted = torch.arange(10).repeat_interleave(IMAGES // 10)
obeyed = sum((classifier(images).argmax(1) == wanted).float().mean().item() for images in made["ten Gaussians"]) / SEEDS
print(f"Of those from ten Gaussians, {obeyed:.0%} are read as the digit whose Gaussian they were drawn from.")

# %% [markdown]
# **What you saw.** The network is the same in all rows of restored images. What differs is the draw. Keeping the block means in range already helps, ten Gaussians help more, and with them you choose the
# digit: the columns of the picture are drawn as 0 to 9. Between ten Gaussians and real $x_T$ the gap comes from the draw: sixteen numbers of real digits do not follow a Gaussian. Between real
# $x_T$ and real digits it comes from the network, which makes the other 1,008.
#
# ## 3 · One number, and a symmetry to break
# The paper generates from blur down to the mean colour. `make("mean", ...)` is that blur: at T every pixel is the mean.

# %% tags=["nbval-check-output"]
from colddiff_nb.degradations import make

blur = make("mean", DATA, T=20)
grey = blur(x0[:50], blur.T)
assert torch.allclose(grey, x0[:50].mean((1, 2, 3), keepdim=True).expand_as(grey), atol=1e-6)
assert torch.allclose(blur(x0[:50].roll((5, 9), (-2, -1)), blur.T), grey, atol=1e-6)
print("ok: x_T is one number, and a digit has the same x_T wherever it stands")

# %% [markdown]
# So $x_T$ does not say where anything is, nor which digit: one number is to become 1,024, and sampling has no other randomness. The network answers with the one digit that is right on average for this
# grey, and the generated images differ by their greys alone. Train one and see.
#
# Its training states are rounded to 8 bits (`measurement_precision="8bit"`). So it does not read the last digits of float32 as measured detail. Only the training rounds. The sampler starts from float32, except in the last row of the table.

# %%
from colddiff_nb.degradations import measure
from colddiff_nb.weights import load_model
from colddiff_nb.training import recipe, train

budget = {"steps": STEPS, "widths": (32, 48, 96), "severities": "uniform", "rollout": 0.0, "evaluate_every": STEPS, "save_every": STEPS}
folder = settings.runs / f"generate-mean-{STEPS}"
train(recipe("quick", "mean", DATA, T=20, measurement_precision="8bit", **budget), folder, data_root=settings.data, log=lambda line: None)
from_grey, blur, metadata = load_model(folder / "weights.safetensors")
grey = blur(x0, blur.T)
print(f"trained on {metadata['images_seen']:,} images; the greys have a spread of {grey.mean((1, 2, 3)).std():.3f}")

# %% [markdown]
# The mend is the paper's: add a little noise to the drawn $x_T$. Algorithm 2 carries it along, the network sees it in every state, and a difference that is nearly nothing at T is worth a decision: here rather than there.
#
# **Predict.** A grey level is 2/255, about 0.008. How much noise is needed: ten grey levels, one, a tenth? What happens with too much?

# %%
LEVELS = (0, 0.00005, 0.0001, 0.0002, 0.0004, 0.001)


def noisy_grey(level, seed):
    noise = level * torch.randn(IMAGES, 1, 32, 32, generator=torch.Generator().manual_seed(seed))
    return gaussian_like(grey, IMAGES, seed) + noise


def generate(level, seed, measurement_precision="float32"):
    return algorithm2(from_grey, blur, measure(noisy_grey(level, seed), measurement_precision)).clamp(-1, 1)


broken = {level: [generate(level, seed) for seed in range(SEEDS)] for level in LEVELS}
found = {level: [score(images) for images in seeds] for level, seeds in broken.items()}
print(HEAD)
for level, values in found.items():
    print(row(f"noise {level:g}", values))
print(row("noise 0.0002, x_T in 8 bits", [score(generate(0.0002, seed, "8bit")) for seed in range(SEEDS)]))

# %%
show(grid({f"{level:g}": images[0][:6] for level, images in broken.items()}, title=f"Noise on x_T; trained on {metadata['images_seen']:,} images"),
     "Six generated images for each level of noise on x_T: alike without noise, different with a little, no digits with too much.")
frechet, digits = ({level: sum(one[key] for one in values) / SEEDS for level, values in found.items()} for key in ("frechet", "digits"))
best = min(frechet, key=frechet.get)
print(f"What you saw: without noise Frechet distance {frechet[0]:.0f} and {digits[0]:.1f} digits in use;",
      f"best with noise {best:g}: {frechet[best]:.0f} and {digits[best]:.1f}; with {LEVELS[-1]:g}: {frechet[LEVELS[-1]]:.0f} and {digits[LEVELS[-1]]:.1f}")

# %% [markdown]
# The same as curves, with a mark for each seed.

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for panel, (key, label_of, colour) in zip(panels, (("frechet", "Frechet distance", "#0072b2"), ("digits", "digits in use", "#d55e00"), ("spread", "spread", "#1a1a1a"))):
    panel.plot(range(len(LEVELS)), [sum(one[key] for one in values) / SEEDS for values in found.values()], color=colour)
    for place, values in enumerate(found.values()):
        panel.plot([place] * SEEDS, [one[key] for one in values], "o", color=colour, fillstyle="none")
    panel.set(title=label_of, xlabel="noise on x_T", xticks=range(len(LEVELS)), xticklabels=[f"{level:g}" for level in LEVELS], ylim=(0, None))
    panel.tick_params(axis="x", rotation=45)
    panel.grid(color="#d4d4d4")
panels[2].axhline(score(real)["spread"], color="#666666", linestyle=":", label="real digits")
panels[2].legend()
show(figure, "Frechet distance, digits in use and spread of generated images against the noise on x_T; the spread of real digits as a dotted line.")

# %% [markdown]
# **What you saw.** Without noise few digits are in use, and the pixels spread less than those of real digits. With a noise of 0.0001, an eightieth of a grey level, the Frechet distance is smallest. With 0.0002
# the most digits are in use, but the distance rises again: the network takes noise for strokes, and the spread passes that of real digits. Diversity alone is not quality. Such a noise needs float32.
# Rounded to 8 bits, most of the same $x_T$ are even greys again, with all pixels equal: the last row of the table has few digits in use. How much noise is right depends on the network.
#
# Is noise then always a help? Only where the draw has too little randomness. The sixteen numbers of section 1 have enough:

# %%
print(HEAD)
for level in (0, 0.05, 0.1):
    noisy = [start + level * torch.randn(start.shape, generator=torch.Generator().manual_seed(9)) for start in map(ten_gaussians, range(SEEDS))]
    print(row(f"ten Gaussians, noise {level:g}", [score(algorithm2(restore, D, x).clamp(-1, 1)) for x in noisy]))

# %% tags=["nbval-check-output"]
twice = [algorithm2(from_grey, blur, grey[:3]) for _ in range(2)]
assert torch.equal(*twice)
print("ok: sampling draws nothing: from the same x_T comes the same image")
rounded = measure(noisy_grey(0.0002, 0), "8bit").flatten(1)
assert (rounded.amax(1) == rounded.amin(1)).float().mean() > 0.5
print("ok: rounded to 8 bits, most x_T with a noise of 0.0002 are even greys again")

# %% [markdown]
# **What you saw.** There so much noise does harm. ([The results](../results/details.md#generation) try less of it: what is small enough to do no harm is no help either.) All of this is a small network after a minute of training on 4,000 digits, with seeds for the draws and not for the training: it shows what noise is for, not how good cold generation can be.
# The results have three trainings, twice as long, with the noise chosen on training digits and scored on others.
#
# ## Exercises
# ### 1 · Draw sixteen numbers
# Without `gaussian_like`: from the eigenvectors and eigenvalues of the covariance.

# %% tags=["exercise:draw"]
def draw(numbers, z):
    """numbers: (N, d). z: (n, d), standard normal. Returns (n, d) with the mean and covariance of `numbers`."""
    return None  # todo: replace this line

# %% tags=["check:draw"]
def check_draw():
    generator = torch.Generator().manual_seed(0)
    made = torch.randn(500, 3, generator=generator) @ torch.tensor([[2.0, 1, 0], [0, 1, 1], [0, 0, 0.5]]) + torch.tensor([3.0, -1, 0])
    answer = draw(made, torch.randn(50_000, 3, generator=generator))
    if answer is None:
        return "todo: write draw(numbers, z)"
    if not torch.is_tensor(answer) or answer.shape != (50_000, 3):
        return "not yet: return one row for each row of z"
    if not torch.allclose(answer.mean(0), made.mean(0), atol=0.05):
        return "not yet: the mean must be that of the numbers"
    if not torch.allclose(torch.cov(answer.T), torch.cov(made.T), atol=0.15):
        return "not yet: the covariance must be that of the numbers: a spread is the root of an eigenvalue"
    if not torch.allclose(draw(made, torch.zeros(1, 3)), made.mean(0), atol=1e-4):
        return "not yet: all that is random must come from z; where z is 0, the answer is the mean"
    return "ok: mean and covariance are those of the numbers"
print(check_draw())

# %% [markdown] tags=["solution:draw"]
# <details><summary>Solution</summary>
#
# ```python
# def draw(numbers, z):
#     values, vectors = torch.linalg.eigh(torch.cov(numbers.T))
#     return numbers.mean(0) + (z * values.clamp(min=0).sqrt()) @ vectors.T
# ```
# </details>

# %% [markdown]
# ### 2 · Digits in use
# e to the entropy of how often each digit is read: 10 where all ten are equally frequent, 1 where all images are read as one.

# %% tags=["exercise:inuse"]
def digits_in_use(read):
    """read: LongTensor (n,) of digits 0..9. Returns a number from 1 to 10."""
    return None  # todo: replace this line

# %% tags=["check:inuse"]
def check_inuse():
    for read, right in ((torch.arange(10), 10.0), (torch.full((7,), 3), 1.0), (torch.tensor([1, 1, 8, 8]), 2.0), (torch.tensor([1, 1, 1, 8]), 1.7548)):
        answer = digits_in_use(read)
        if answer is None:
            return "todo: write digits_in_use(read)"
        if not float(answer) == float(answer):
            return "not yet: a digit that is never read adds nothing, and 0 log 0 is no number to a computer"
        if abs(float(answer) - right) > 0.01:
            return f"not yet: for {read.tolist()} it should be {right:.2f}"
    return "ok: it counts digits, the rare ones less"
print(check_inuse())

# %% [markdown] tags=["solution:inuse"]
# <details><summary>Solution</summary>
#
# ```python
# def digits_in_use(read):
#     share = read.bincount(minlength=10) / len(read)
#     return torch.special.entr(share).sum().exp().item()
# ```
# </details>

# %% [markdown]
# ## Quiz
# <details><summary>1. Where is the randomness in cold generation?</summary>
#
# In the draw of $x_T$ alone. The degradation and the sampler are deterministic: the same $x_T$ gives the same image.
# </details>
#
# <details><summary>2. Why can the network stay as it was trained for restoration?</summary>
#
# It is asked the same: restore an $x_T$. Generation only has to draw $x_T$ that look like those it was trained on; where they do not, it answers badly.
# </details>
#
# <details><summary>3. Ten Gaussians beat one, with the same network. What else do they give?</summary>
#
# A choice: draw from the Gaussian of one digit, and mostly that digit comes of it (section 2 prints how often).
# </details>
#
# <details><summary>4. Which symmetry does the noise break?</summary>
#
# An even grey is the same after any shift, and belongs to every digit with that mean. Nothing in it prefers one place or one digit; the noise does.
# </details>
#
# <details><summary>5. The spread of the generated images is larger than that of real ones. Is that good?</summary>
#
# No. Random images have a large spread too. Diversity and nearness to real images are two scores; the Frechet distance sees both.
# </details>
