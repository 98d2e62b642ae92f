# %% [markdown]
# <!-- badge --><!-- /badge -->
# # 1 · Data, and what a degradation leaves of it
#
# Cold diffusion restores images from blur, pixelation and masks. Before any network is trained there are two questions to ask:
#
# 1. which images, and which of them may be looked at while training?
# 2. what does a degradation D leave of an image: how many numbers, and with how many digits?
#
# The second question has a surprising answer. A digit blurred forty times looks like an even grey square, and is not empty. Ten minutes; no GPU, and
# no trained network.

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
DATA = {name: settings.dataset(name) for name in ("mnist", "cifar10")}  # without internet: {"mnist": "mnist5k", "cifar10": "photos"}
OWN_FOLDER = ""  # the path of a folder with ten or more images of yours; without one, section 1 makes one
IMAGES = settings.choose(500, 100)  # test images behind every number
PAGES = settings.choose(40, 4)  # severities that a slider has, where there are that many

# %% [markdown]
# ## 1 · Images as numbers
# A data set is one tensor of bytes, with a split in its name: `train` is for training, `validation` for choosing between trainings, `test` for the numbers that
# one publishes. A network that is scored on images it was trained on shows its memory, not its skill.

# %%
import torch
import matplotlib.pyplot as plt
from colddiff_nb.data import SPLITS, load, to_float
from colddiff_nb.notebook import show
from colddiff_nb.notebook.pictures import grid, png

sets = {name: {split: load(dataset, split, settings.data) for split in SPLITS} for name, dataset in DATA.items()}
for splits in sets.values():
    for images in splits.values():
        shape = " x ".join(map(str, images.pixels.shape[1:]))
        print(f"{images.name:9}{images.split:12}{len(images):7,} images of {shape}, {images.pixels.dtype}, SHA-256 {images.checksum[:12]}")

# %% [markdown]
# `to_float` maps 0..255 to -1..1, the range of everything here. So 0 is middle grey, which is also what a mask puts into its hole.

# %%
shown = {name: to_float(splits["test"].pixels[:8]).expand(8, 3, 32, 32) for name, splits in sets.items()}  # grey repeated to three channels
show(grid({f"{i}": torch.stack([images[i] for images in shown.values()]) for i in range(8)}, rows=list(DATA.values()), title="The first test images"),
     "The first eight test images of the digits and of the colour images.")

# %% [markdown]
# No image may lie in both train and test. And the first n images should be a fair sample, because every quick look takes those. MNIST's own order is none: the first half
# of its test images is easier than the second. So every set comes in the order of a hash of its pixels.

# %% tags=["nbval-check-output"]
for name, splits in sets.items():
    seen = {split: {image.numpy().tobytes() for image in images.pixels} for split, images in splits.items()}
    assert not seen["train"] & seen["test"]
    print(f"ok: {name}: no test image is a training image")

# %% [markdown]
# ### More data: clothes, and images of your own
# Fashion-MNIST has the form of MNIST with clothes instead of digits. It is downloaded, so where there is no network it is left out, in words.

# %%
try:
    if settings.offline:
        raise FileNotFoundError("fashion: not asked for, as COLDDIFF_NB says offline; the digits of mnist5k stand in for it")
    clothes = load("fashion", "test", settings.data)
    show(grid({f"{i}": to_float(clothes.pixels[i:i + 1]) for i in range(8)}, title="Fashion-MNIST"), "Eight pieces of clothing from Fashion-MNIST.")
except FileNotFoundError as error:
    print("Fashion-MNIST is not shown:\n ", str(error).replace(str(settings.data), "data"))

# %% [markdown]
# `folder:PATH` is a data set of your own: every PNG, JPEG, GIF, BMP, TIFF or WebP file in a folder and below it, of any size and mode. Each gives its central square, in colour.
# Without a folder of yours, this cell writes one: 30 crops of photographs in five sizes and modes.

# %%
from PIL import Image

folder = Path(OWN_FOLDER).expanduser() if OWN_FOLDER else settings.runs / "my_images"
if not OWN_FOLDER:
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(load("photos", "test").pixels[:30]):
        mode, form = [("RGB", "png"), ("L", "jpg"), ("P", "gif"), ("CMYK", "tiff"), ("RGBA", "webp")][number % 5]
        size = (40 + 7 * number, 90 - number)
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize(size).convert(mode).save(folder / f"{number:02}.{form}")
mine = {split: load(f"folder:{folder}", split) for split in SPLITS}
first = to_float(mine["train"].pixels[:8])
show(grid({f"{i}": first[i:i + 1] for i in range(len(first))}, title="Your own folder"), "Up to eight training images from the reader's own folder.")
print(f"{folder.name}:", ", ".join(f"{len(images)} {split}" for split, images in mine.items()))

# %% [markdown]
# The same rules as for the other sets: equal images count once, and the hash decides which image is a test image. What cannot be used is refused, and says why.

# %% tags=["nbval-check-output"]
(settings.runs / "empty").mkdir(parents=True, exist_ok=True)
for wrong in ("no such folder", settings.runs / "empty"):
    try:
        load(f"folder:{wrong}", "test")
    except (ValueError, FileNotFoundError) as error:
        print("refused:", str(error).replace(str(settings.runs), "runs").replace("\\", "/"))
assert not {image.numpy().tobytes() for image in mine["train"].pixels} & {image.numpy().tobytes() for image in mine["test"].pixels}
print("ok: no image of the folder is in two splits")

# %% [markdown]
# ## 2 · Degradations under a slider
# A degradation takes an image $x_0$ and a severity $t$ between 0 and T: $x_t = D(x_0, t)$, with $D(x_0, 0) = x_0$. The paper's three for restoring are *deblur*, *superres* and
# *inpaint*; the others are further ones of the package. One call makes each: `make(task, dataset)`. Where D is random (where is the hole? which noise?),
# `draw` throws the dice once for all severities.

# %%
from colddiff_nb.degradations import make
from colddiff_nb.degradations.tasks import MAKERS

examples = {name: to_float(splits["test"].pixels[:200]) for name, splits in sets.items()}
examples = {name: x0[x0.flatten(1).std(1).topk(20).indices[[0, 7, 14]]] for name, x0 in examples.items()}  # three with contrast
drawn = {(task, name): make(task, dataset).draw(3, torch.Generator().manual_seed(1)) for task in MAKERS for name, dataset in DATA.items()
         if (task, name) != ("decolour", "mnist")}  # digits have no colour to lose
for (task, name), D in drawn.items():
    print(f"{task:9}{name:8} T = {D.T:3}, {'random, drawn once for each image' if D.degrade.random else 'not random'}")

# %% tags=["nbval-check-output"]
for (_, name), D in drawn.items():
    assert torch.equal(D(examples[name], 0), examples[name])
print(f"ok: for all {len(drawn)} pairs D(x, 0) is x, bit for bit")

# %% [markdown]
# A page for each severity, painted now: the original, $x_t$, and $x_t$ with its contrast stretched, so that its darkest pixel is black and its brightest white.

# %%
from colddiff_nb.notebook.flipbook import Flipbook
from colddiff_nb.metrics import rmse


def stretched(x):
    """Each image of a batch spread over the whole range from -1 to 1; an image of one value becomes middle grey."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp(min=1e-30) * 2 - 1, 0.0)


def page(task, name, t):
    x0, D = examples[name], drawn[task, name]
    x_t = D(x0, t)
    picture = grid({"$x_0$": x0, f"$x_{{{t}}}$": x_t, f"$x_{{{t}}}$, stretched": stretched(x_t)}, title=f"{task}, {DATA[name]}: t = {t} of {D.T}")
    return png(picture), (f"{task} at severity {t} of {D.T}: RMSE {rmse(x_t, x0):.3f} to the original; values of the first image from "
                          f"{x_t[0].min():.4f} to {x_t[0].max():.4f}.")


# %%
def severities(T):
    return sorted({round(T * k / min(T, PAGES)) for k in range(min(T, PAGES) + 1)})


pages = {f"{task}, {name}": {t: page(task, name, t) for t in severities(D.T)} for (task, name), D in drawn.items()}
print(f"{sum(map(len, pages.values()))} pages, {sum(len(picture) for book in pages.values() for picture, _ in book.values()) / 1e6:.1f} MB")

# %% [markdown]
# **Predict.** From which severity on can you no longer read a blurred digit? And with its contrast stretched?
#
# Drag the slider, or click it and press the arrow keys; choose another degradation from the list.

# %%
book = Flipbook(pages, ["degradation", "severity t"])
book.widget

# %% [markdown]
# Where no widget can live (a preview, a printed page), here are five severities of the paper's three degradations.

# %%
columns = {"$x_0$": []} | {f"{share}": [] for share in ("T/10", "T/4", "T/2", "T")}
rows = [f"{task}, {name}" for task, name in drawn if task in ("deblur", "superres", "inpaint")]
for task, name in (row.split(", ") for row in rows):
    D, x0 = drawn[task, name], examples[name]
    for column, share in zip(columns.values(), (0, 0.1, 0.25, 0.5, 1)):
        column.append(D(x0, round(D.T * share) or int(share > 0))[0].expand(3, 32, 32))
show(grid({label: torch.stack(images) for label, images in columns.items()}, rows=rows, title="Each row: one image, ever more degraded"),
     "One image in each row, degraded with growing severity by blur, pixelation or a mask, on digits and on colour images.")

# %% [markdown]
# **What you saw.** Blurred digits are gone to the eye after a few steps, and stretching brings a cloud back, at any severity. Pixels and holes lose something
# that no stretching brings back. The slider does no work: every page was painted before.

# %% tags=["nbval-check-output"]
from colddiff_nb.degradations import Degradation


def never(*values, **more):
    raise AssertionError("the slider's callback did work")


kept = Degradation.degrade, plt.Figure.__init__, Image.Image.save
Degradation.degrade, plt.Figure.__init__, Image.Image.save = never, never, never  # no D, no figure, no PNG
for name in pages:
    book.controls[0].value = name
    for t in pages[name]:
        book.controls[1].value = t
        assert (bytes(book.picture.value), t) == (pages[name][t][0], book.controls[1].value)
Degradation.degrade, plt.Figure.__init__, Image.Image.save = kept
book.controls[0].value, book.controls[1].value = next(iter(pages)), 0  # back to the digits, not yet blurred
print(f"ok: every severity of {len(pages)} degradations is shown without calling one of them")

# %% [markdown]
# ## 3 · What survives: the spectrum
# Blur and pixelation are matrices: $D(x, t) = A_t\, x\, A_t^\top$, one on the rows and one on the columns. The singular value decomposition $A_T = U S V^\top$ shows
# what such a D does. The image is a sum of 1,024 patterns; pattern $(i, j)$ comes out multiplied by its **gain** $S_i S_j$, and never mixes with another. A gain of 1
# leaves it as it was, 0 erases it, and 0.000001 leaves it there for whoever has enough digits.
#
# A number format rounds, and is off by at most half a step. An 8-bit image has 256 levels between -1 and 1: half a step is 1/255. Just below 1, float32 has steps of $2^{-24}$: half
# a step is $2^{-25}$.
#
# **Predict.** Of the 1,024 patterns of a digit blurred 40 times, how many keep a gain above 1/255, half a step of an 8-bit image?

# %%
PAIRS = {"deblur mnist, T = 20": make("deblur", DATA["mnist"], T=20), "deblur mnist, T = 40": make("deblur", DATA["mnist"]),
         "deblur cifar10": make("deblur", DATA["cifar10"]), "superres, both": make("superres", DATA["mnist"])}
HALF_STEP = {"float32": 2 ** -25, "bfloat16": 2 ** -9, "8 bits": 1 / 255}  # half the distance between neighbouring values just below 1
STYLES = {"float32": ("#009e73", "-"), "bfloat16": ("#cc79a7", "--"), "8 bits": ("#1a1a1a", ":")}
gains = {}
for pair, D in PAIRS.items():
    S = torch.linalg.svdvals(D.matrices[D.T])
    gains[pair] = torch.outer(S, S).flatten().sort(descending=True).values  # (1024,)
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
for (pair, gain), colour, marker in zip(gains.items(), ("#d55e00", "#0072b2", "#e69f00", "#56b4e9"), "svo^"):
    axes.loglog(range(1, 1025), gain.clamp(min=1e-18), color=colour, marker=marker, markevery=0.12, markersize=5, label=pair)
for precision, half in HALF_STEP.items():
    axes.axhline(half, color=STYLES[precision][0], linestyle=STYLES[precision][1], label=f"half a step of {precision}")
axes.set(xlabel="pattern, from the strongest to the weakest", ylabel="gain (below 1e-17: erased)", ylim=(1e-17, 3), title="What is left of each of 1,024 patterns")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(figure, "Gains of the 1,024 patterns in falling order: blurred digits fall steeply, colour blur slowly, pixelation has 16 ones and then nothing.")
above = {pair: {precision: int((gain > half).sum()) for precision, half in HALF_STEP.items()} for pair, gain in gains.items()}
for pair, counts in above.items():
    print(f"What you saw: {pair:22} above half a step:", ", ".join(f"{count:4} ({precision})" for precision, count in counts.items()))

# %% [markdown]
# **What you saw.** Pixelation is honest: 16 numbers, whole, at any precision. Blur hides: it keeps all patterns, each with fewer digits than the last.
#
# ### How many numbers are left, counted on images
# The gains say which numbers could be left. Now see whether they are. Round $x_T$, divide each pattern by its gain, and compare with the original over many images.
# A number is left where the two correlate by more than 0.9. Patterns that do not vary among the images say nothing and do not count.

# %%
ROUND = {"float32": lambda x: x, "bfloat16": lambda x: x.bfloat16().float(), "8 bits": lambda x: ((x + 1) * 127.5).round() / 127.5 - 1}


def numbers_left(D, x0, rounded):
    U, S, Vh = torch.linalg.svd(D.matrices[D.T])
    true = Vh @ x0.double() @ Vh.mT  # (n, C, 32, 32): how much of each pattern is in the originals
    read = U.mT @ rounded(D(x0, D.T)).double() @ U / torch.outer(S, S).clamp(min=1e-300)  # and what x_T says of it
    true, read = true - true.mean(0), read - read.mean(0)
    correlation = (true * read).mean(0) / (true.square().mean(0) * read.square().mean(0)).sqrt().clamp(min=1e-300)
    varies = true.square().mean(0) > 1e-6
    return float(((correlation > 0.9) & varies).float().mean(0).sum())  # mean over the channels


left = {}
for pair, D in PAIRS.items():
    x0 = to_float(sets["cifar10" if "cifar10" in pair else "mnist"]["test"].pixels[:IMAGES])
    left[pair] = {precision: numbers_left(D, x0, rounded) for precision, rounded in ROUND.items()}
    print(f"What you saw: {pair:22} of 1,024 numbers are left:", ", ".join(f"{count:.0f} ({precision})" for precision, count in left[pair].items()))

# %% tags=["nbval-check-output"]
assert set(left["superres, both"].values()) == {16.0}
print("ok: 4 x 4 pixels are 16 numbers, at any precision")
assert left["deblur mnist, T = 40"]["8 bits"] <= 1 < 5 <= left["deblur mnist, T = 40"]["float32"] < 16
print("ok: in 8 bits a digit blurred 40 times keeps at most one number, its mean;\n    in float32 several more, but fewer than pixelation leaves")
blurred = [pair for pair in PAIRS if pair.startswith("deblur mnist")]
assert all(abs(above[pair]["float32"] - left[pair]["float32"]) <= 1 for pair in blurred)
print("ok: in float32 as many numbers of a blurred digit are left as gains lie above half a step")

# %% [markdown]
# ### What can be drawn with so few numbers?
# Keep only the strongest patterns of the blur, in full, and drop the rest: the best picture that these numbers alone can give.
#
# **Predict.** How many numbers does it take until you can read the digits?

# %%
D = PAIRS["deblur mnist, T = 20"]
U, S, Vh = torch.linalg.svd(D.matrices[D.T])
strength = torch.outer(S, S)
ranked = strength.flatten().sort(descending=True).values
counts = [n for n in (1, 5, 9, 13, 21, 25, 37, 45, 69, 97, 145, 193, 293, 441, 1024) if n == 1024 or ranked[n] < 0.99 * ranked[n - 1]]


def drawn_with(n):
    x0 = examples["mnist"].double()
    return (Vh.mT @ (Vh @ x0 @ Vh.mT * (strength >= ranked[n - 1] * (1 - 1e-9))) @ Vh).float()


few = {n: (png(grid({"original": examples["mnist"], f"{n} numbers": drawn_with(n)}, scale=4)), f"Three digits drawn with {n} of 1,024 numbers.") for n in counts}
numbers = Flipbook(few, ["numbers kept"])
numbers.widget

# %%
chosen = [counts[round(i * (len(counts) - 1) / 5)] for i in range(6)]
show(grid({f"{n}": drawn_with(n) for n in chosen}, title="Digits drawn with the n strongest patterns of blur"), "Three digits drawn with ever more numbers, from a grey square to the whole.")
assert torch.allclose(drawn_with(1024), examples["mnist"], atol=1e-5)
for n in counts:
    numbers.controls[0].value = n
    assert bytes(numbers.picture.value) == few[n][0]
numbers.controls[0].value = counts[0]
print(f"What you saw: {len(counts)} positions from {counts[0]} to {counts[-1]} numbers;\n  what a network adds to the few that are left, it must have learned from other digits.")

# %% [markdown]
# ## 4 · The grey square that is not empty
# Now the picture that this notebook is about. Two digits, blurred 20 and 40 times: as a screen shows them, then with stretched contrast, held in float32 (24 binary
# digits), in bfloat16 (8 binary digits, the number format of fast training), and in the 8 bits of an image file.
#
# **Predict.** Which of the squares are empty?

# %%
digits = examples["mnist"][:2]
columns = {"$x_0$": [], "$x_T$ as shown": []} | {precision: [] for precision in ROUND}
values = {}
for T in (20, 40):
    x_T = make("deblur", DATA["mnist"], T=T)(digits, T)
    columns["$x_0$"].append(digits)
    columns["$x_T$ as shown"].append(x_T)
    for precision, rounded in ROUND.items():
        columns[precision].append(stretched(rounded(x_T)))
        values[T, precision] = max(len(image.unique()) for image in rounded(x_T))
show(grid({label: torch.cat(images) for label, images in columns.items()}, rows=["T = 20", "", "T = 40", ""], title="One grey square, stretched in three precisions", scale=4),
     "Blurred digits as even grey squares; stretched in float32 a smooth cloud, in bfloat16 and 8 bits a few steps or nothing.")
for (T, precision), count in values.items():
    print(f"What you saw: T = {T}, {precision}: {count} different values among 1,024 pixels" + (" - empty" * (count == 1)))

# %% tags=["nbval-check-output"]
assert values[40, "float32"] > 500 and values[40, "8 bits"] <= 2 and values[20, "8 bits"] < 20
print("ok: the square of T = 40 holds hundreds of different values in float32, and next to none in 8 bits")

# %% [markdown]
# **What you saw.** The same square is full or empty depending on the number format it is kept in. So a network that is to restore blurred digits must see $x_T$ in true float32:
# rounding to bfloat16 anywhere before its first layer destroys the task, without any error message.
#
# ### Reading the square, without a network
# How much is in it? The best *linear* guess of $x_0$ from $x_T$ needs no network, only the mean and the covariance of training digits (`colddiff_nb.metrics.lmmse`).
#
# **Predict.** From which of the three formats will the digit come back?

# %%
from colddiff_nb.metrics.lmmse import LMMSE, statistics
from dataclasses import replace

train = sets["mnist"]["train"]
some = replace(train, pixels=train.pixels[:settings.choose(20_000, 1_000)])
known, x0 = statistics(some), to_float(sets["mnist"]["test"].pixels[:IMAGES])
D = PAIRS["deblur mnist, T = 20"]
estimator, exact = LMMSE(D, known, 0.0), D.matrices[D.T] @ x0.double() @ D.matrices[D.T].mT
columns, scores = {"$x_0$": examples["mnist"]}, {}
for precision, rounded in ROUND.items():
    noise = float((rounded(D(x0, D.T)) - exact).square().mean())  # the mean square of the rounding
    reader = estimator.with_noise(noise)
    columns[f"from {precision}"] = reader(rounded(D(examples["mnist"], D.T)), D.T)
    scores[precision] = rmse(reader(rounded(D(x0, D.T)), D.T), x0)
show(grid(columns, title="Least squares, reading the grey square (T = 20)", scale=4), "Three digits and what a linear estimator restores from float32, bfloat16 and 8 bits.")
print(f"What you saw: RMSE on {IMAGES} test digits:", ", ".join(f"{score:.3f} from {precision}" for precision, score in scores.items()))
print(f"  {rmse(D(x0, D.T), x0):.3f} is that of the square itself.")

# %% tags=["nbval-check-output"]
assert scores["float32"] < min(scores["bfloat16"], scores["8 bits"]) and max(scores.values()) < rmse(D(x0, D.T), x0)
print("ok: even one matrix restores more from float32 than from bfloat16 or 8 bits, and more from those than the eye sees")

# %% [markdown]
# That is the start of the course: a measurement with few numbers, some of them faint, and many images that fit. Notebook 02 trains networks to choose among them; 03 restores step by step.
#
# ## Exercises
# ### 1 · Pixelation as a matrix
# Write the matrix A that pixelates a column of n pixels into blocks of `block`: every pixel becomes the mean of its block. Then $A\, x\, A^\top$ pixelates an image.

# %% tags=["exercise:pixelate"]
def pixelate(n, block):
    """The matrix (n, n) that replaces every pixel of a column by the mean of its block; n is a multiple of block."""
    return None  # todo: replace this line

# %% tags=["check:pixelate"]
def check_pixelate():
    answers = {s: pixelate(32, 2 ** s) for s in (1, 2, 3)}
    if answers[1] is None:
        return "todo: write pixelate(n, block)"
    if not all(torch.is_tensor(A) and A.shape == (32, 32) for A in answers.values()):
        return "not yet: return a tensor of shape (n, n)"
    if not torch.allclose(answers[2].sum(1).double(), torch.ones(32).double()):
        return "not yet: an even image must stay as it is, so every row must sum to 1"
    if not torch.allclose(answers[1].double() @ torch.arange(32.0).double(), torch.arange(32.0).double() // 2 * 2 + 0.5):
        return "not yet: blocks start at pixel 0, and each pixel takes the mean of its own block"
    known = make("superres", "mnist").matrices
    if not all(torch.allclose(A.double(), known[s]) for s, A in answers.items()):
        return "not yet: compare with make('superres', 'mnist').matrices[s], where block = 2 ** s"
    other = pixelate(6, 3)
    if other.shape != (6, 6) or not torch.allclose(other.double() @ torch.tensor([1.0, 2, 6, 0, 1, 2]).double(), torch.tensor([3.0, 3, 3, 1, 1, 1]).double()):
        return "not yet: it must work for every n and block, such as 6 and 3"
    return "ok: these are the matrices of super-resolution"
print(check_pixelate())

# %% [markdown] tags=["solution:pixelate"]
# <details><summary>Solution</summary>
#
# ```python
# def pixelate(n, block):
#     number = torch.arange(n) // block  # the block that each pixel lies in
#     return (number[:, None] == number[None]).double() / block
# ```
# </details>

# %% [markdown]
# ### 2 · How many numbers are left?
# Given the matrix A of one side of a D, count the patterns whose gain is above half a step of a number format. The gain of pattern (i, j) is the product of two singular values.

# %% tags=["exercise:count"]
def count(A, half_step):
    """How many of the n * n patterns keep a gain above `half_step`, for D(x) = A x A^T with A (n, n)."""
    return None  # todo: replace this line

# %% tags=["check:count"]
def check_count():
    Q = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    cases = [(torch.eye(4, dtype=torch.float64), 0.5, 16), (Q @ torch.diag(torch.tensor([1.0, 0.1, 0.01]).double()), 0.005, 6), (2 * Q, 3.9, 9)]
    cases.append((torch.tensor([[0.0, 1], [0, 0]]), 0.5, 1))  # its eigenvalues are 0, one of its singular values is 1
    answers = [count(A, half_step) for A, half_step, _ in cases]
    if answers[0] is None:
        return "todo: write count(A, half_step)"
    if int(answers[0]) == 4:
        return "not yet: A works on rows and on columns, so an n x n image has n * n patterns"
    if [int(answer) for answer in answers] != [expected for *_, expected in cases]:
        return "not yet: take all products of two singular values, torch.linalg.svdvals(A), and count those above half_step"
    return "ok: now try it on make('deblur', 'mnist').matrices[t] for t = 1, 2, 5, 10, 20, 40"
print(check_count())

# %% [markdown] tags=["solution:count"]
# <details><summary>Solution</summary>
#
# ```python
# def count(A, half_step):
#     S = torch.linalg.svdvals(A)
#     return int((torch.outer(S, S) > half_step).sum())
# ```
# </details>

# %% [markdown]
# ### 3 · A degradation of your own
# A curtain is drawn over the image from the right: at severity t its t rightmost columns are middle grey (0), up to T = 32. (Fifteen lines more make it a task of this package:
# `colddiff_nb/degradations/contract.py` shows how.)

# %% tags=["exercise:curtain"]
def curtain(x0, t):
    """x0 (B, C, H, 32) with its t rightmost columns set to 0, t = 0..32; x0 itself is left as it is."""
    return None  # todo: replace this line

# %% tags=["check:curtain"]
def check_curtain():
    x0 = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) + 0.1
    before = x0.clone()
    answers = {t: curtain(x0, t) for t in (0, 1, 10, 32)}
    if answers[0] is None:
        return "todo: write curtain(x0, t)"
    if not torch.equal(x0, before):
        return "not yet: x0 itself was changed; the next severity would start from a spoilt image"
    if not torch.equal(answers[0], x0):
        return "not yet: with t = 0 nothing may change (an index of -0 is 0)"
    if not all(torch.equal((answers[t] == 0).sum(), torch.tensor(2 * 3 * 32 * t)) for t in answers):
        return "not yet: at severity t exactly t columns are 0"
    if not all(torch.equal(answers[t][..., :32 - t], x0[..., :32 - t]) for t in answers):
        return "not yet: it is the rightmost columns that go; the others stay"
    return "ok: a degradation, with D(x, 0) = x and nothing left at T"
print(check_curtain())

# %% [markdown] tags=["solution:curtain"]
# <details><summary>Solution</summary>
#
# ```python
# def curtain(x0, t):
#     return x0 * (torch.arange(32) < 32 - t)
# ```
# </details>

# %% [markdown]
# ## Quiz
# <details><summary>1. Why must test images never be used in training, not even to choose when to stop?</summary>
#
# The number would then say how well they are remembered, or how luckily one stopped, instead of what happens with an image that nobody has seen. For choosing there are validation images.
# </details>
#
# <details><summary>2. A blurred digit looks like an even grey. Is the information gone?</summary>
#
# Blur multiplies patterns by small gains, it does not set them to zero. What is left depends on how many digits x_T is kept with: in float32 several numbers, in 8 bits next to none.
# </details>
#
# <details><summary>3. Pixelation to 4 x 4 leaves 16 numbers and blur at T = 40 fewer than that. Which is harder to undo, and does precision matter?</summary>
#
# By the count of numbers blur is harder, and it is for blur that precision matters most: 8 bits leave the 16 means within half a grey level. (A network can still cling to float32: one that
# never saw a rounded mean restores digits a little worse from 8 bits.)
# </details>
#
# <details><summary>4. Why is D computed in float32 even where the network runs in bfloat16?</summary>
#
# bfloat16 has 8 binary digits. Section 4 shows what it leaves of a blurred digit: a few steps, or one value. The task would be destroyed before the network sees it.
# </details>
#
# <details><summary>5. Nine numbers cannot draw a digit, but networks restore digits from them. How?</summary>
#
# They have seen other digits. The numbers choose among the digits that are plausible; what they do not tell is filled in from training, and may be wrong.
# </details>
