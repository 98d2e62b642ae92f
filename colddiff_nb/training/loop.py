"""The training loop: L1 (or L2) between x0 and R(x_t, t), the paper's equation 1, on x_t = D(x0, t) or, for a
share of the batch, on states that Algorithm 2 makes (rollout.py); resumable bit for bit.

Randomness is stateless: the draws of a step depend on (recipe.seed, step) alone, so a checkpoint holds no generator and any
number of processes sees the same global batch.
"""
from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.data.loading import Images, load
from colddiff_nb.data.pixels import to_float
from colddiff_nb.degradations.contract import Degradation
from colddiff_nb.degradations.tasks import measure
from colddiff_nb.storage import runtime
from colddiff_nb.storage.files import lock
from colddiff_nb.training.interrupts import Interrupts
from colddiff_nb.training.ranks import check_same, in_turn, together, without_settings_of_accelerate
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.rollout import Batch
from colddiff_nb.training.run import OnEvaluate, Run, flatten
from colddiff_nb.training.validation import check_tracker, tracking

LOSSES = {"l1": F.l1_loss, "l2": F.mse_loss}
LOOK_EVERY = 20  # steps on a GPU between looks at what it has computed


def step_seed(recipe: Recipe, step: int) -> int:
    """A seed for one step of one training: 32 bits, since torch's CPU generator ignores all above."""
    return (recipe.seed * 0x9E3779B1 + step) % 2 ** 32


def draw_batch(recipe: Recipe, degrade: Degradation, n_images: int, step: int) -> Batch:
    generator = torch.Generator().manual_seed(step_seed(recipe, step))
    size, T = recipe.batch * recipe.accumulate, degrade.T
    index = torch.randint(n_images, (size,), generator=generator)
    flip = (torch.rand(size, generator=generator) < 0.5) & recipe.flips
    t = torch.randint(1, T + 1, (size,), generator=generator)
    if recipe.severities == "towards-T":
        kind = torch.rand(size, generator=generator)
        rising = (T * torch.rand(size, generator=generator).sqrt()).ceil().long().clamp(1, T)
        t = torch.where(kind < 0.2, t, torch.where(kind < 0.4, rising, T))
    return Batch(index, flip, t, t.clone(), degrade.draw(size, generator))


def measured(recipe: Recipe, x_t: Tensor) -> Tensor:
    """x_t (B, C, H, W) in the precision that the network is made for; for "both" every second image is rounded to 8 bits."""
    if recipe.measurement_precision != "both":
        return measure(x_t, recipe.measurement_precision)
    every_second = torch.arange(len(x_t), device=x_t.device).view(-1, 1, 1, 1) % 2 == 0
    return torch.where(every_second, measure(x_t, "8bit"), x_t)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Of the step numbered from 0. Cosine: a linear warm-up over 2 % of the steps, then down to 0."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warmup = max(1, recipe.steps // 50)
    return recipe.learning_rate * min((step + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * step / recipe.steps))


@torch.no_grad()
def update_ema(recipe: Recipe, ema: nn.Module, network: nn.Module, step: int) -> None:
    """After `step` steps. Paper: a copy before step 2,000, then decay 0.995 every 10 steps. Else: see `Recipe`."""
    if recipe.ema == "paper":
        if step % 10:
            return
        decay = 0.0 if step < 2_000 else 0.995
    else:
        decay = 0.5 ** (1 / (recipe.ema_half_life * step))
    torch._foreach_lerp_(list(ema.parameters()), list(network.parameters()), 1 - decay)
    for average, buffer in zip(ema.buffers(), network.buffers()):
        average.copy_(buffer)


@contextmanager
def out_of_memory_explained(recipe: Recipe, share: int) -> Iterator[None]:
    """Say which micro-batch to try where one of `share` images does not fit into the GPU's memory."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        pieces = next((k for k in range(2, share + 1) if share % k == 0), None)  # mostly 2
        mend = f"batch={recipe.batch // pieces} accumulate={recipe.accumulate * pieces}: the same training" if pieces else "smaller widths"
        raise ValueError(f"batch = {recipe.batch} does not fit into the GPU's memory; try {mend}") from error


def all_finite(loss: Tensor, network: nn.Module) -> bool:
    """Whether the loss and all weights are; weights too large to square count as not."""
    return bool(torch.stack([loss, *torch._foreach_norm(list(network.parameters()))]).isfinite().all())


@without_settings_of_accelerate()
def train(recipe: Recipe, folder: str | Path, *, images: Images | None = None, data_root: str | Path = "data",
          init: str | Path | None = None, resume_from: str | Path | None = None, until: int | None = None,
          on_evaluate: OnEvaluate | None = None, tracker: str | None = None,
          log: Callable[[str], None] = print) -> nn.Module:
    """Train a recipe in a run folder, or go on from the newest checkpoint there; returns the EMA network.

    images: the training split, loaded from data_root when not given. init: a weights file to start from. resume_from: another run
    folder whose newest checkpoint to go on from, where it is newer than this one's. until: stop after this step for now.
    on_evaluate(step, ema) is called every recipe.evaluate_every steps and at the end; the numbers it returns go to
    <folder>/curve.csv. tracker: "tensorboard", "wandb", "trackio" or another of Accelerate's, to send the same rows to.
    The end writes <folder>/weights.safetensors. Raises CheckpointError where a folder or file cannot be used,
    ValueError where a checkpoint belongs to another training or a batch does not fit into the GPU's memory, FloatingPointError where
    the loss or the weights are no longer finite: nothing of that step is saved. Ctrl-C and SIGTERM save a checkpoint first.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    check_tracker(tracker)
    AcceleratorState._reset_state()  # a second Accelerator of another precision in one process would raise
    accelerator = Accelerator(cpu=runtime.device().type == "cpu", mixed_precision=runtime.mixed_precision(recipe.precision, recipe.network),
                              log_with=tracker, project_dir=str(folder))
    device, rank, world, main = accelerator.device, accelerator.process_index, accelerator.num_processes, accelerator.is_main_process
    if recipe.batch % world:
        raise ValueError(f"batch = {recipe.batch} cannot be shared by {world} processes: choose a multiple of {world}")
    if recipe.realism and world > 1:
        raise ValueError(f"realism = {recipe.realism}: a critic is trained by one process, not by {world}; set realism = 0 or start one")
    if images is None:
        images = in_turn(accelerator, lambda: load(recipe.dataset, "train", data_root))
    folder, stop = Path(folder), False
    with (ExitStack() as held, Interrupts() as interrupts, runtime.true_float32(),
          torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])):
        with together():
            check_lock = held.enter_context(lock(folder)) if main else lambda: None
            run = Run(recipe, images, folder, device, init, resume_from, log if main else lambda line: None, check_lock)
        last = recipe.steps if until is None else min(until, recipe.steps)
        if world > 1:
            check_same(flatten(run.identity()) | {"step": run.step, "last step": last, "seconds trained": run.seconds})
            run.log(f"{world} processes share each batch of {recipe.batch}")
        with together():
            if main:
                run.write_curve()
            if main and run.moved:  # the other folder may be gone tomorrow
                run.save(0.0)
            tracked = tracking(accelerator, folder.name, flatten(run.identity()), log)
            send = held.enter_context(tracked) if main else lambda row: None
        network, optimizer = accelerator.prepare(run.network, run.optimizer)
        if recipe.compile:
            network = torch.compile(network, dynamic=False)
        if run.scaler:
            accelerator.scaler.load_state_dict(run.scaler)
        share = recipe.batch // world
        parts = [slice(first + rank * share, first + (rank + 1) * share)
                 for first in range(0, recipe.batch * recipe.accumulate, recipe.batch)]  # this process's part of each micro-batch
        pixels, progress = images.pixels.to(device), Progress(recipe, run.step)
        for step in range(run.step + 1, last + 1):
            torch.manual_seed((step_seed(recipe, step) * 64 + rank) % 2 ** 32)  # dropout
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, step - 1)
            batch = draw_batch(recipe, run.degrade, len(images), step)
            run.rollout.join(batch)
            there = batch.to(device)
            x0 = to_float(pixels[there.index])  # (B, C, size, size)
            x0 = torch.where(there.flip.view(-1, 1, 1, 1), x0.flip(-1), x0)
            x_t = run.rollout.inputs(there, measured(recipe, there.drawn(x0, there.t)))
            arguments = x_t.float(), there.t, there.start
            predictions = []
            with out_of_memory_explained(recipe, share):
                for part in parts:
                    with nullcontext() if part is parts[-1] else accelerator.no_sync(network):
                        x0_hat = network(*(argument[part] for argument in arguments)).float()
                        loss = LOSSES[recipe.loss](x0_hat, x0[part]) / recipe.accumulate
                        if run.critic:
                            loss = loss + recipe.realism * run.critic.doubt(x0_hat, x0[part]) / recipe.accumulate
                        accelerator.backward(loss)
                    run.loss_sum += accelerator.reduce(loss.detach(), "mean")
                    predictions.append(accelerator.gather(x0_hat.detach()))
                if recipe.clip:
                    accelerator.clip_grad_norm_(network.parameters(), recipe.clip)
                optimizer.step()
                optimizer.zero_grad()
                if run.critic:
                    run.critic.learn(torch.cat(predictions), x0)

            # Looking at what the device has computed waits for it: on a GPU not at every step.
            scoring = step % recipe.evaluate_every == 0 or step == recipe.steps
            saving = step % recipe.save_every == 0 or step == last
            looking = device.type == "cpu" or step % LOOK_EVERY == 0 or scoring or saving
            if looking and not all_finite(run.loss_sum, run.network):
                raise FloatingPointError(f"the loss or the weights are not finite at step {step}, of which nothing was saved: train in "
                                         f"another folder with precision=float32 or a learning_rate below {recipe.learning_rate:g}")
            update_ema(recipe, run.ema, run.network, step)
            run.rollout.step(batch, there, x_t, torch.cat(predictions))
            run.step, run.loss_count = step, run.loss_count + 1

            if looking:
                asked = torch.tensor(float(interrupts.received is not None), device=device)
                stop = bool(accelerator.reduce(asked, "sum"))  # all processes stop at the same step
                progress.show(run)
            saving |= stop
            with together() if scoring or saving else nullcontext():
                if main and scoring:
                    run.evaluate(on_evaluate, progress.seconds)
                    send(run.rows[-1])
                if main and saving:
                    run.scaler = accelerator.scaler.state_dict() if accelerator.scaler else {}
                    run.save(progress.seconds)
            if stop:
                break
        with together():
            if main and run.step == recipe.steps:
                run.export(progress.seconds)
        if stop or interrupts.received:  # the signal may also have come before the first step, or while the last one was saved
            run.log(f"stopped at step {run.step} and saved: the same command goes on from there")
            interrupts.end(f"stopped at step {run.step} and saved")
        return run.ema


class Progress:
    """One plain line every ten seconds: step, loss, images per second, time left."""

    def __init__(self, recipe: Recipe, first: int):
        self.recipe, self.first, self.started, self.shown = recipe, first, time.monotonic(), time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def show(self, run: Run) -> None:
        if time.monotonic() - self.shown < 10:
            return
        self.shown = time.monotonic()
        rate = (run.step - self.first) / self.seconds
        minutes, seconds = divmod(round((self.recipe.steps - run.step) / rate), 60)
        run.log(f"step {run.step}/{self.recipe.steps}  loss {run.mean_loss:.4f}  "
                f"{rate * self.recipe.batch * self.recipe.accumulate:.0f} images/s  {minutes} min {seconds:02d} s left")
