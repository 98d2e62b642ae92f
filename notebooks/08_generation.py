# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 8 · Generation: digits from nothing
# Restoration starts from the measurement of an image. *Generation* starts without an image: draw an $x_T$ that a measurement could be,
# and restore it. The network stays as it is, so the draw decides. Here you draw sixteen numbers from a Gaussian, or one grey and a little
# noise. When you have finished, you will be able to
# - draw an $x_T$ without an image, from the mean and the covariance of real ones,
# - score generated images: are they real, and are there many kinds?
# - say where the randomness of cold generation is,
# - explain when a little noise helps, and why it needs float32.
#
# ($T$ is the largest severity. $t$ is a severity in training. $s$ is the severity where the sampler stands.) You need notebook 03, and
# what mean and covariance are. Running takes three minutes on a CPU, reading about twelve.

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
WEIGHTS = "shipped"  #@param ["shipped", "mine"]
IMAGES = 300  #@param {type: "integer"}
STEPS = 400  #@param {type: "integer"}
IMAGES, SEEDS, STEPS = settings.choose((IMAGES // 10 * 10, 3, STEPS), (20, 1, 10))

# %% [markdown]
# ## 1 · Can sixteen numbers be drawn?
# At its largest severity, $T = 3$, pixelation leaves 4 x 4 block means. We want new ones that look like the block means $x_i$ of $N$
# training digits. So we fit a Gaussian to these. `gaussian_like` adds to their mean $\mu$ a random mixture of their differences from it.
#
# $$x = \mu + \frac{1}{\sqrt N} \sum_{i=1}^{N} w_i\, (x_i - \mu), \qquad w_i \sim \mathcal N(0, 1).$$
#
# *With numbers.* Two digits of one block each, 1 and 3, have the mean 2 and the differences -1 and 1. The weights 0.3 and 1.1 give
# $2 + (-0.3 + 1.1) / \sqrt 2 = 2.57$.
#
# **Predict.** Could you tell drawn block means from real ones? What might a Gaussian get wrong?

# %%
import matplotlib.pyplot as plt
import pandas
import torch
from colddiff_nb.data import load, to_float
from colddiff_nb.degradations import make, measure
from colddiff_nb.metrics.generation import gaussian_like, generation_scores
from colddiff_nb.notebook import show
from colddiff_nb.notebook.flipbook import Flipbook
from colddiff_nb.notebook.model_choice import choose_model
from colddiff_nb.notebook.pictures import grid, png
from colddiff_nb.sampling import algorithm2
from colddiff_nb.training import recipe, train
from colddiff_nb.weights import shipped_classifier

# %%
train_set, test_set = (load(DATA, split, settings.data) for split in ("train", "test"))
x0, labels = to_float(train_set.pixels), train_set.labels
real = to_float(test_set.pixels[::len(test_set) // IMAGES][:IMAGES])
where = (WEIGHTS, settings.runs, settings.data, settings.choose("quick", "smoke"))
restore, D, label = choose_model("superres", DATA, *where)
x_T = D(x0, D.T)
print(f"weights: superres, {label}")

# %% tags=["nbval-check-output"]
numbers = x_T[:, :, ::8, ::8]  # (N, 1, 4, 4): each block once
drawn = gaussian_like(numbers, 20_000, seed=0).flatten(1)
assert torch.allclose(drawn.mean(0), numbers.flatten(1).mean(0), atol=0.03)
assert torch.allclose(torch.cov(drawn.T), torch.cov(numbers.flatten(1).T), atol=0.03)
outside = (drawn.abs() > 1).float().mean()
assert outside > 0.1 and numbers.abs().max() <= 1
print(f"ok: mean and covariance are those of real block means; {outside:.0%} lie outside [-1, 1]")

# %% [markdown]
# Real block means lie in [-1, 1], and the network never saw others. A Gaussian also gives larger ones. It also ignores that a 0 has other means than
# a 1. So we try three draws: *one Gaussian*, the same *clamped* to [-1, 1], and *ten Gaussians*, one for each class of digits. Only the ten need
# labels. Block means of *real* digits are the reference. The shipped network has not seen them: its training left out the 5,000 digits of mnist5k.

# %%
def ten_gaussians(seed):  # IMAGES / 10 drawn as a 0, then as many as a 1, and so on
    return torch.cat([gaussian_like(x_T[labels == k], IMAGES // 10, 10 * seed + k)
                      for k in range(10)]).clamp(-1, 1)

DRAWS = {"one Gaussian": lambda seed: gaussian_like(x_T, IMAGES, seed),
         "clamped": lambda seed: gaussian_like(x_T, IMAGES, seed).clamp(-1, 1),
         "ten Gaussians": ten_gaussians,
         "real": lambda seed: x_T[seed::len(x_T) // IMAGES][:IMAGES]}
starts = {name: [draw(seed) for seed in range(SEEDS)] for name, draw in DRAWS.items()}

# %%
def table(images):
    """A column for each letter: eight images, spread over each draw's first batch."""
    some = [batches[0][::len(batches[0]) // 8][:8] for batches in images.values()]
    return {letter: torch.stack(column) for letter, *column in zip("abcdefgh", *some)}

show(grid(table(starts), rows=list(DRAWS), title="Block means"),
     "Eight pixelated images from one Gaussian, clamped, from ten Gaussians, and real ones.")

# %% [markdown]
# **What you saw.** They are hard to tell apart by eye. A screen clamps, so the first two rows look alike. But a fifth of the Gaussian's
# means lies outside [-1, 1], and none of the real.
# ## 2 · How good are the digits restored from them?
# Three scores, for a *set* of images:
#
# - The **Frechet distance** to test digits. A small classifier turns each image into features. Each set of features gets a mean $\mu$ and a
#   covariance $\Sigma$. Then $d = |\mu_1 - \mu_2|^2 + \mathrm{tr}\big(\Sigma_1 + \Sigma_2 - 2(\Sigma_1\Sigma_2)^{1/2}\big)$. Lower is better. *With
#   one feature:* means 3 and 1, standard deviations 2 and 1 give $(3 - 1)^2 + (2 - 1)^2 = 5$. (Compare within this notebook only: other notebooks
#   take other numbers of images.)
# - **Digits in use:** $e^H$ with $H = -\sum_k p_k \ln p_k$. Here $p_k$ is the share that the classifier reads as digit $k$. Ten equal
#   shares give 10. Two digits with the shares 3/4 and 1/4 give $e^{0.56} = 1.75$.
# - The **spread:** the standard deviation of a pixel over the images, as a mean over all pixels. Values of -0.5, 0 and 0.5 give 0.5.
#
# **Predict.** From which block means come the best digits? Order the four draws.

# %%
classifier = shipped_classifier("mnist")

def score(images):
    images = images.clamp(-1, 1)
    scores = generation_scores(images, real, classifier)
    return scores | {"spread": images.flatten(1).std(0).mean().item()}

# %%
made = {name: [algorithm2(restore, D, start) for start in batches]
        for name, batches in starts.items()}
digits = {"(training digits)": [x0[i::len(x0) // IMAGES][:IMAGES] for i in range(SEEDS)]}
scores = pandas.DataFrame([{"drawn from": name} | score(images)
                           for name, batches in (made | digits).items() for images in batches])
scores = scores.groupby("drawn from", sort=False)
print(scores.agg(["min", "mean", "max"]).round(3).to_string())
show(grid(table(made), rows=list(DRAWS), title="Restored by the same network"),
     "Eight digits restored from each kind of block means; those of one Gaussian are often broken.")
mean = scores.frechet.mean()
assert settings.smoke or mean["one Gaussian"] > 2 * mean["ten Gaussians"] > 3 * mean["real"]

# %% tags=["nbval-check-output"]
assert torch.allclose(D(made["clamped"][0], D.T), starts["clamped"][0], atol=1e-4)
print("ok: the draw decides 16 numbers, exactly; the network makes the other 1,008")

# %% [markdown]
# **What you saw.** The network is the same in all rows. What differs is the draw. The Frechet distance falls from 262 (one Gaussian) to 186 (clamped)
# and 88 (ten). Real block means reach 51. The gap from 88 to 51 comes from the draw: real ones do not follow a Gaussian. (Not from memory: the
# network never saw these.) The gap from 51 to real digits (19) comes from the network: it was trained for a low error, and draws smooth strokes.
#
# Ten Gaussians also let you choose. **Predict.** What share of all digits is then read as the digit that it was drawn as?

# %%
pairs = torch.stack([starts["ten Gaussians"][0], made["ten Gaussians"][0]], 1)[::IMAGES // 10]
show(grid({f"a {k}": pairs[k] for k in range(10)}, rows=["drawn as", "restored"],
          title="Each column is drawn from the Gaussian of one class"),
     "Ten block images, drawn as 0 to 9, and the digits restored from them.")
wanted = torch.arange(10).repeat_interleave(IMAGES // 10)
read = torch.stack([classifier(batch.clamp(-1, 1)).argmax(1) for batch in made["ten Gaussians"]])
obeyed = float((read == wanted).float().mean())
print(f"What you saw: {obeyed:.0%} are read as the digit that they were drawn as.")
assert settings.smoke or obeyed > 0.5

# %% [markdown]
# ## 3 · What if $x_T$ is one grey?
# The paper generates from an image that is blurred until only its mean colour is left. So $x_T$ is one number.

# %% tags=["nbval-check-output"]
blur = make("mean", DATA, T=20)
grey = blur(x0, blur.T)
assert torch.allclose(grey[:50], x0[:50].mean((1, 2, 3), True).expand(50, 1, 32, 32), atol=1e-6)
assert torch.allclose(blur(x0[:50].roll((5, 9), (-2, -1)), blur.T), grey[:50], atol=1e-6)
print("ok: x_T is one number, and a digit has the same x_T wherever it stands")

# %% [markdown]
# This grey does not say which digit it was, nor where it stood. And the sampler adds no randomness. So the network gives one answer for
# each grey, and greys that are alike get digits that are alike. The paper helps with a little noise on the drawn grey $g$:
#
# $$x_T = g + \sigma z, \qquad z \sim \mathcal N(0, 1) \text{ in each pixel}.$$
#
# Algorithm 2 carries the noise along, and the network sees it in every state. An even grey is the same in each place. The noise **breaks this
# symmetry**: it decides where a stroke goes. *With numbers.* A grey level of an 8-bit image is 2/255 = 0.0078. A noise of $\sigma = 0.0001$ is 1.3 %
# of one level.
#
# We train a small network for that. In training its states are rounded to 8 bits. Otherwise it would read the last digits of float32 as
# measured detail. Only the training rounds: the sampler starts from float32.

# %%
sizes = {"widths": (32, 48, 96), "steps": STEPS, "evaluate_every": STEPS, "save_every": STEPS}
greys = recipe("quick", "mean", DATA, T=20, measurement_precision="8bit", severities="uniform",
               rollout=0.0, **sizes)
from_grey = train(greys, settings.runs / f"generate-mean-{STEPS}", data_root=settings.data,
                  log=lambda _: None)
print(f"trained on {greys.images_seen:,} images")

LEVELS = (0, 0.5, 1, 2, 4, 10)  # sigma in ten-thousandths; a grey level has 78

def generate(level, seed, precision="float32"):
    z = torch.randn(IMAGES, 1, 32, 32, generator=torch.Generator().manual_seed(seed))
    start = gaussian_like(grey, IMAGES, seed) + level / 10_000 * z
    return algorithm2(from_grey, blur, measure(start, precision)).clamp(-1, 1)

# %% [markdown]
# **Predict.** Which noise is best: none, an eightieth of a grey level (0.0001), or an eighth (0.001)? And what if $x_T$ is rounded to 8 bits, as in
# an image file? Choose the precision and drag the slider. All pages were painted beforehand. (Without a kernel there is no slider. The picture below
# it shows six greys at all its positions.)

# %%
generated, scored, pages = {}, {}, {"float32": {}, "8bit": {}}
for precision, seeds in (("float32", SEEDS), ("8bit", 1)):
    for level in LEVELS:
        batches = [generate(level, seed, precision) for seed in range(seeds)]
        mean = pandas.DataFrame([score(images) for images in batches]).mean()
        shown = dict(zip("abcdef", batches[0][:12].view(2, 6, 1, 32, 32).transpose(0, 1)))
        pages[precision][level] = png(grid(shown)), (
            f"Noise {level:g} / 10,000, x_T in {precision}: Frechet distance {mean.frechet:.0f}, "
            f"{mean.digits:.1f} digits in use, spread {mean.spread:.2f}.")
        generated[precision, level], scored[precision, level] = batches[0], mean
Flipbook(pages, ["precision of x_T", "noise in ten-thousandths"]).widget

# %%
show(grid({f"noise {level:g}": generated["float32", level][:6] for level in LEVELS},
          title="Noise on x_T, in ten-thousandths (float32)"),
     "Six greys: alike digits without noise, other ones with a little, broken strokes with much.")
print("\n".join(sentence for levels in pages.values() for _, sentence in levels.values()))

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
titles = {"frechet": "Frechet distance", "digits": "digits in use", "spread": "spread"}
for panel, (key, title) in zip(panels, titles.items()):
    for precision, marker, colour in (("float32", "o-", "#0072b2"), ("8bit", "s--", "#d55e00")):
        panel.plot([scored[precision, level][key] for level in LEVELS], marker, color=colour,
                   label=f"$x_T$ in {precision}")
    panel.axhline(score(real)[key], color="#666666", linestyle=":", label="test digits")
    panel.set(title=title, xlabel="noise in ten-thousandths", ylim=(0, None),
              xticks=range(len(LEVELS)), xticklabels=[f"{level:g}" for level in LEVELS])
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
show(figure, "Frechet distance, digits in use and spread against the noise, for both precisions.")
worse = [scored[key] for key in scored if key[0] == "8bit" or key[1] in (0, 10)]
best = scored["float32", 1].frechet
assert settings.smoke or best < 0.8 * min(one.frechet for one in worse)

# %% tags=["nbval-check-output"]
assert torch.equal(*(algorithm2(from_grey, blur, grey[:3]) for _ in range(2)))
print("ok: sampling draws nothing: from the same x_T comes the same image")
z = torch.randn(100, 1, 32, 32, generator=torch.Generator().manual_seed(0))
rounded = measure(gaussian_like(grey, 100, 0) + 0.0002 * z, "8bit").flatten(1)
assert (rounded.amax(1) == rounded.amin(1)).float().mean() > 0.5
print("ok: rounded to 8 bits, most greys with a noise of 0.0002 are even again")

# %% [markdown]
# **What you saw.** Without noise two or three digits are in use. With a noise of 0.0001, an eightieth of a grey level, it is eight, and the Frechet
# distance falls from about 790 to 320. With more noise the distance rises again: the strokes break, and the spread passes that of real digits.
# Diversity alone is not quality. So small a noise needs float32: 8 bits round it away. From 8 bits no level that we tried helps as much.
#
# Does noise always help? Here it helps where the draw has too little randomness. One counter-test: on sixteen numbers from ten Gaussians, [noise of
# 0.01 or more makes the digits worse](../results/details.md#generation). There you also find longer trainings, from three seeds.
# ## Exercises
# ### 1 · Draw sixteen numbers
# Without `gaussian_like`: use the eigenvectors and eigenvalues of the covariance.

# %% tags=["exercise:draw"]
def draw(numbers, z):
    """numbers: (N, d); z: (n, d), standard normal. Returns (n, d), distributed like numbers."""
    return None  # todo: replace this line

# %% tags=["check:draw"]
def check_draw():
    mix, z = torch.tensor([[2.0, 1, 0], [0, 1, 1], [0, 0, 0.5]]), torch.randn(50_500, 3)
    known, z = z[:500] @ mix + torch.tensor([3.0, -1, 0]), z[500:]
    if (answer := draw(known, z)) is None:
        return "todo: write draw(numbers, z)"
    if not torch.is_tensor(answer) or answer.shape != (50_000, 3):
        return "not yet: return one row for each row of z"
    if not torch.allclose(answer.mean(0), known.mean(0), atol=0.05):
        return "not yet: the mean must be that of the numbers"
    if not torch.allclose(torch.cov(answer.T), torch.cov(known.T), atol=0.15):
        return "not yet: so must the covariance; a spread is the root of an eigenvalue"
    if not torch.allclose(draw(known, torch.zeros(1, 3)), known.mean(0), atol=1e-4):
        return "not yet: all that is random comes from z; where z is 0, the answer is the mean"
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
# Write the score of section 2: e to the entropy of how often each digit is read.

# %% tags=["exercise:inuse"]
def digits_in_use(read):
    """read: LongTensor (n,) of digits 0..9. Returns a number from 1 to 10."""
    return None  # todo: replace this line

# %% tags=["check:inuse"]
def check_inuse():
    cases = {10.0: torch.arange(10), 1.0: torch.full((7,), 3), 2.0: torch.tensor([1, 1, 8, 8]),
             1.7548: torch.tensor([1, 1, 1, 8])}
    for right, read in cases.items():
        answer = digits_in_use(read)
        if answer is None:
            return "todo: write digits_in_use(read)"
        if not float(answer) == float(answer):
            return "not yet: a digit that is never read adds nothing, but 0 * log(0) is nan"
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
# ## What you learnt
# - In cold generation from blur or pixelation all randomness is in the draw of $x_T$. These two, and the sampler, are deterministic.
# - A network that was trained to restore can generate. The more the drawn $x_T$ look like those of training, the better it does.
# - One grey is the same for all places and digits. A noise far below a grey level breaks this symmetry. More noise spoils the strokes.
#
# **The core path ends here.** The appendix `07_hot_and_cold` generates from noise, blur, pixelation and masks. `04_metrics` explains FID.
#
# **References.** Bansal et al., *Cold Diffusion* ([arXiv 2208.09392](https://arxiv.org/abs/2208.09392)), section 5: generation. Rissanen et al.,
# *Inverse Heat Dissipation* ([arXiv 2206.13397](https://arxiv.org/abs/2206.13397)), which generates from blur with noise.
