"""The training loop: R learns to give x0 from x_t = D(x0, t), the paper's equation 1; it resumes bit for bit.

The draws of a step depend on (recipe.seed, step) alone. So a checkpoint holds no generator, and any number of
processes sees the same global batch.
"""
from __future__ import annotations

import math
import signal
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colddiff_nb.data import Images, load
from colddiff_nb.degradations import Degradation, measure
from colddiff_nb.metrics import structural_similarity
from colddiff_nb.storage import runtime
from colddiff_nb.storage.cuda_graph import Replayed
from colddiff_nb.storage.lock import lock
from colddiff_nb.storage.progress import progress_bar
from colddiff_nb.training.processes import check_same, interrupts, my_parts, start
from colddiff_nb.training.recipes import Recipe
from colddiff_nb.training.rollout import Batch
from colddiff_nb.training.run import OnEvaluate, Run, export, flatten
from colddiff_nb.training.tracking import tracking

LOSSES = {"l1": F.l1_loss, "l2": F.mse_loss}
LOOK_EVERY = 20  # steps on a GPU between looks at what it has computed: each look waits for it


def train(recipe: Recipe, folder: str | Path, *, images: Images | None = None,
          data_root: str | Path | None = None, init: str | Path | None = None,
          resume_from: str | Path | None = None, until: int | None = None,
          on_evaluate: OnEvaluate | None = None, tracker: str | None = None,
          log: Callable[[str], object] = print) -> nn.Module:
    """Train a recipe in a run folder, or go on from the newest checkpoint there.

    Ctrl-C and SIGTERM save a checkpoint first. The end writes <folder>/weights.safetensors.

    Args:
        folder: of checkpoints, curve.csv and weights.
        images: the training split; loaded from data_root when not given.
        init: a weights file to start from.
        resume_from: another run folder, to go on from if its newest checkpoint is newer than this one's.
        until: stop after this step for now.
        on_evaluate: on_evaluate(step, ema) gives numbers for curve.csv, every recipe.evaluate_every steps.
        tracker: "tensorboard", "wandb", "trackio" or another of Accelerate's, to send the same rows to.

    Returns:
        The network with averaged weights (EMA), in eval mode.

    Raises:
        CheckpointError: a folder or file cannot be used.
        ValueError: a checkpoint belongs to another training, or a batch does not fit into the GPU's memory.
        FloatingPointError: the loss or the weights are no longer finite; nothing of that step is saved.
    """
    accelerator = start(recipe, folder, tracker)
    device, main = accelerator.device, accelerator.is_main_process
    if images is None:
        with accelerator.local_main_process_first():  # which may download
            images = load(recipe.dataset, "train", data_root, recipe.size)
    folder = Path(folder)
    with (ExitStack() as held, interrupts() as signals, runtime.true_float32(),
          torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])):

        # Take the folder, and go on from its newest checkpoint.
        if main:
            held.enter_context(lock(folder))
        run = Run(recipe, images, folder, device, init, resume_from, log if main else lambda line: None,
                  accelerator.scaler)
        last, settings = recipe.steps if until is None else min(until, recipe.steps), flatten(run.identity())
        check_same(settings | {"step": run.step, "last step": last})
        if accelerator.num_processes > 1:
            run.log(f"{accelerator.num_processes} processes share each batch of {recipe.batch}")
        if main and run.step:
            run.save()  # the curve may hold later rows, and the other folder may be gone tomorrow
        send = held.enter_context(tracking(accelerator, run, settings))
        network, optimizer = accelerator.prepare(run.network, run.optimizer)
        if recipe.compile:
            network = torch.compile(network, dynamic=False)
        parts, pixels, stop = my_parts(accelerator, recipe), images.pixels.to(device), False
        done = run.step * recipe.images_per_step
        bar, run.log = progress_bar("", recipe.images_seen, run.log, done)
        held.enter_context(bar)

        def descend(x_t: Tensor, x0: Tensor, t: Tensor, start: Tensor) -> Tensor:
            """Train network and critic by one step on the global batch; returns its x0_hat."""
            predictions = []
            for part in parts:
                with nullcontext() if part is parts[-1] else accelerator.no_sync(network):
                    x0_hat = network(x_t[part].float(), t[part], start[part]).float()
                    loss = LOSSES[recipe.loss](x0_hat, x0[part])
                    if recipe.ssim:
                        similarity = structural_similarity(x0_hat, x0[part]).mean()
                        loss = loss + recipe.ssim * (1 - similarity)
                    if run.critic:
                        loss = loss + recipe.realism * run.critic.doubt(x0_hat, x0[part])
                    loss = loss / recipe.accumulate
                    accelerator.backward(loss)
                run.loss_sum += accelerator.reduce(loss.detach(), "mean")
                predictions.append(accelerator.gather(x0_hat.detach()))
            predicted = torch.cat(predictions)
            if recipe.clip:
                accelerator.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            optimizer.zero_grad()
            if run.critic:
                run.critic.learn(predicted, x0)
            return predicted

        # On one GPU, record that once and replay it. Not with fp16, whose scaler waits for the GPU.
        replays = (recipe.cuda_graph and device.type == "cuda" and accelerator.num_processes == 1
                   and not accelerator.scaler)
        optimizers = [part.optimizer for part in (run, run.critic) if part]
        train_on: Callable[..., Tensor] = Replayed(descend, optimizers) if replays else descend
        for group in optimizer.param_groups:
            group["lr"] = torch.zeros((), device=device) if replays else 0.0  # a graph reads a tensor

        for step in range(run.step + 1, last + 1):
            # Draw images and severities, and degrade.
            torch.manual_seed((step_seed(recipe, step) * 64 + accelerator.process_index) % 2 ** 32)  # dropout
            batch = draw_batch(recipe, run.degrade, len(images), step).to(device)
            run.rollout.join(batch)
            x0 = batch.originals(pixels)  # (B, C, size, size)
            x_t = run.rollout.inputs(batch, measured(recipe, batch.drawn(x0, batch.t)))

            # Predict x0, and descend on the error.
            set_learning_rate(optimizer, learning_rate(recipe, step - 1))
            try:
                predicted = train_on(x_t, x0, batch.t, batch.start)
            except torch.cuda.OutOfMemoryError as error:
                raise ValueError(
                    f"batch = {recipe.batch} does not fit into the GPU's memory: with a smaller batch, "
                    "and a larger accumulate in turn, it is the same training") from error

            # What is not finite reaches no checkpoint. On a GPU the error comes up to LOOK_EVERY steps late.
            scoring = step % recipe.evaluate_every == 0 or step == recipe.steps
            saving = step % recipe.save_every == 0 or step == last
            looking = device.type == "cpu" or step % LOOK_EVERY == 0 or scoring or saving
            if looking and not all_finite(run.loss_sum, run.network):
                raise FloatingPointError(
                    f"the loss or the weights are not finite at step {step}, of which nothing was saved: "
                    "train in another folder with precision=float32 "
                    f"or a learning_rate below {recipe.learning_rate:g}")
            update_ema(recipe, run.ema, run.network, step)
            run.rollout.step(batch, x_t, predicted)
            run.step, run.loss_count = step, run.loss_count + 1

            # Show, score, save; stop where a signal asked for it, all processes at the same step.
            if looking:
                stop = bool(accelerator.reduce(torch.tensor(float(bool(signals)), device=device), "sum"))
                said = f"{recipe.label}  step {step}/{recipe.steps}  loss {run.mean_loss:.4f}"
                bar.set_description(said, refresh=False)
                bar.update(step * recipe.images_per_step - bar.n)
            if main and scoring:
                run.evaluate(on_evaluate)
                send(run.rows[-1])
            if main and (saving or stop):
                run.save()
            if stop:
                break

        if main and run.step == recipe.steps:
            export(folder / "weights.safetensors", run.step, run.state())
        accelerator.wait_for_everyone()
        if stop or signals:  # it may have come before the first step, or during the last save
            run.log(f"stopped at step {run.step} and saved: the same command goes on from there")
            if signal.SIGINT in signals:
                raise KeyboardInterrupt(f"stopped at step {run.step} and saved")
            raise SystemExit(128 + signal.SIGTERM)
        return run.ema


def step_seed(recipe: Recipe, step: int) -> int:
    """A seed for one step of one training: 32 bits, since torch's CPU generator ignores all above."""
    return (recipe.seed * 0x9E3779B1 + step) % 2 ** 32


def draw_batch(recipe: Recipe, degrade: Degradation, n_images: int, step: int) -> Batch:
    """Draw what one step takes."""
    generator = torch.Generator().manual_seed(step_seed(recipe, step))
    size, T = recipe.images_per_step, degrade.T
    index = torch.randint(n_images, (size,), generator=generator)
    flip = (torch.rand(size, generator=generator) < 0.5) & recipe.flips
    t = torch.randint(1, T + 1, (size,), generator=generator)
    if recipe.severities == "towards-T":
        kind = torch.rand(size, generator=generator)
        rising = (T * torch.rand(size, generator=generator).sqrt()).ceil().long().clamp(1, T)
        t = torch.where(kind < 0.2, t, torch.where(kind < 0.4, rising, T))
    drawn = degrade.draw(size, generator)
    shift = torch.randint(-recipe.shift, recipe.shift + 1, (size, 2), generator=generator)
    return Batch(index, flip, shift, t, t.clone(), drawn)


def measured(recipe: Recipe, x_t: Tensor) -> Tensor:
    """Round x_t (B, C, H, W) as the network is made for; for "both" every second image to 8 bits."""
    if recipe.measurement_precision != "both":
        return measure(x_t, recipe.measurement_precision)
    every_second = torch.arange(len(x_t), device=x_t.device).view(-1, 1, 1, 1) % 2 == 0
    return torch.where(every_second, measure(x_t, "8bit"), x_t)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Of the step numbered from 0. Cosine: a linear warm-up over 2 % of the steps, then down to 0."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warmup = max(1, recipe.steps // 50)
    cosine = 0.5 + 0.5 * math.cos(math.pi * step / recipe.steps)
    return recipe.learning_rate * min((step + 1) / warmup, cosine)


def set_learning_rate(optimizer: Any, rate: float) -> None:
    """Set it for the next step; what a CUDA graph reads is changed in place."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


@torch.no_grad()
def update_ema(recipe: Recipe, ema: nn.Module, network: nn.Module, step: int) -> None:
    """Average the weights. Paper: a copy before step 2,000, then decay 0.995 every 10 steps."""
    if recipe.ema == "paper":
        if step % 10:
            return
        decay = 0.0 if step < 2_000 else 0.995
    else:
        decay = 0.5 ** (1 / (recipe.ema_half_life * step))
    torch._foreach_lerp_(list(ema.parameters()), list(network.parameters()), 1 - decay)
    for average, buffer in zip(ema.buffers(), network.buffers()):
        average.copy_(buffer)


def all_finite(loss: Tensor, network: nn.Module) -> bool:
    """Whether the loss and all weights are; weights too large to square count as not."""
    return bool(torch.stack([loss, *torch._foreach_norm(list(network.parameters()))]).isfinite().all())
