"""The same audit by SACRO-ML and by quantmia, in one process: AUC of LiRA, and the time it takes.

    python scripts/parity.py [--targets N]

32 models 512-256-2 on halves of 2,520 samples, 60 epochs of Adam, batch 128; every model is
attacked by LiRA (online, a variance a sample) with 31 shadow models. For the AUC both get the very
same models. For the time each does the whole work its own way: quantmia trains 32 models at once,
and each is a shadow model of the others; SACRO-ML trains a target and 31 shadow models for it, one
after another, and has no way to use them for the next target. Its time is measured on N targets and
multiplied; what it would take if its shadow models were shared by hand is printed too.
"""

# SACRO-ML is installed by `make parity` alone.
# pyright: reportMissingImports=false

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.model_pytorch import PytorchModel
from sacroml.attacks.target import Target
from sacroml.attacks.utils import save_shadow_model
from sklearn.metrics import roc_auc_score

from quantmia.attacks import Lira, Observed
from quantmia.cli.overrides import composed
from quantmia.data import members
from quantmia.data.synthetic import gaussian_mixture
from quantmia.models.stack import Params, Stack
from quantmia.tasks import TASKS
from quantmia.training.allocator import keep_freed_memory
from quantmia.training.train import train

RUNS, POOL, FEATURES, HIDDEN, CLASSES = 32, 2520, 512, 256, 2
CONFIG = replace(composed([]).training, lr=1e-3, batch_size=128, epochs=60)
WITHIN, FASTER = 0.02, 30


def data() -> tuple[torch.Tensor, np.ndarray]:
    """Features and classes of the pool."""
    made = gaussian_mixture(modes=8, dimension=FEATURES, sigma=2.0, size=POOL, classes=CLASSES)
    scaled = (made.features - made.features.mean(0)) / made.features.std(0)
    return torch.tensor(scaled), made.target.astype(np.int64)


def head() -> torch.nn.Module:
    """One fresh head."""
    from parity_head import Head

    return Head(FEATURES, HIDDEN, CLASSES)


def ours(x: torch.Tensor, y: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, Params]:
    """AUC of every run, and the parameters."""
    stack = Stack(head, range(RUNS), TASKS["multiclass"])
    targets = torch.from_numpy(np.tile(y, (RUNS, 1)))
    chosen = [torch.from_numpy(np.flatnonzero(row)) for row in mask]
    checkpoints = train(stack, CONFIG, x, targets, chosen, 0, range(RUNS), lambda _: None)
    *_, (_, params) = checkpoints
    output = stack(params, x).numpy()
    seen = Observed(
        signal=stack.task.signal(output, targets.numpy()),
        loss=stack.task.loss(torch.from_numpy(output), targets).numpy().astype(float),
        members=mask,
        population=np.zeros((RUNS, 1)),
        output=output,
        target=targets.numpy(),
        two_sided=False,
    )
    scores = Lira(variance="sample").score(seen)
    aucs = [roc_auc_score(own, mine) for own, mine in zip(mask, scores, strict=True)]
    return np.array(aucs), params


def wrapped(module: torch.nn.Module) -> PytorchModel:
    """A module as SACRO-ML holds it."""
    return PytorchModel(
        module,
        model_module_path="parity_head",
        model_name="Head",
        model_params={"features": FEATURES, "hidden": HIDDEN, "classes": CLASSES},
        train_module_path="parity_head",
        train_params={"lr": CONFIG.lr, "epochs": CONFIG.epochs},
        batch_size=CONFIG.batch_size,
    )


def attacked(
    run: int, models: list[PytorchModel], x: np.ndarray, y: np.ndarray, mask: np.ndarray, own: bool
) -> float:
    """AUC of SACRO-ML's LiRA on one run, with the others or with its own as shadow models."""
    order = np.concatenate([np.flatnonzero(mask[run]), np.flatnonzero(~mask[run])])
    n_members = int(mask[run].sum())
    with tempfile.TemporaryDirectory() as folder:
        attack = LIRAAttack(
            folder, write_report=False, n_shadow_models=RUNS - 1, mode="online-carlini"
        )
        for number, other in enumerate([] if own else np.delete(np.arange(RUNS), run)):
            inside = mask[other][order]
            save_shadow_model(
                attack.shadow_path,
                number,
                models[other],
                np.flatnonzero(inside),
                np.flatnonzero(~inside),
            )
        split = order[:n_members], order[n_members:]
        target = Target(
            model=models[run],
            X_train=x[split[0]],
            y_train=y[split[0]],
            X_test=x[split[1]],
            y_test=y[split[1]],
        )
        attack.attack(target)
        return attack.attack_metrics[0]["AUC"]


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> int:
    """Print both sides; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description="The same audit by SACRO-ML and by quantmia.")
    parser.add_argument("--targets", type=int, default=2, choices=range(1, RUNS + 1), metavar="N")
    targets = parser.parse_args().targets
    logging.getLogger().setLevel(logging.ERROR)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.ERROR)
    keep_freed_memory()
    x, y = data()
    mask = members(0, range(RUNS), POOL)
    aucs, params = ours(x, y, mask)  # and a warm-up
    models = []
    for run in range(RUNS):
        module = head()
        module.load_state_dict({name: value[run] for name, value in params.items()})
        models.append(wrapped(module))
    numbers, seconds, theirs = x.numpy(), {}, []
    for run in range(targets):
        mine = np.flatnonzero(mask[run])
        for what, work in {
            "quantmia": lambda: ours(x, y, mask),
            "model": lambda mine=mine: wrapped(head()).fit(numbers[mine], y[mine]),
            "shared": lambda run=run: theirs.append(
                attacked(run, models, numbers, y, mask, own=False)
            ),
            "own": lambda run=run: attacked(run, models, numbers, y, mask, own=True),
        }.items():
            seconds.setdefault(what, []).append(timed(work))
    model, shared, own, here = (median(seconds[k]) for k in ("model", "shared", "own", "quantmia"))
    whole = RUNS * (model + own)
    difference = np.abs(np.array(theirs) - aucs[:targets]).max()
    print(
        f"LiRA's AUC, same models, {targets} targets: SACRO-ML {np.mean(theirs):.4f}, quantmia "
        f"{aucs[:targets].mean():.4f}, largest difference {difference:.4f} (at most {WITHIN})\n"
        f"SACRO-ML: {model:.2f} s a model and {own:.1f} s a target, {whole:.0f} s for {RUNS} "
        f"targets; {RUNS * (model + shared):.0f} s with shadow models shared by hand\n"
        f"quantmia: {here:.2f} s for {RUNS} targets, {whole / here:.0f} times faster (at least "
        f"{FASTER}); {RUNS * (model + shared) / here:.1f} times with shared shadow models"
    )
    return int(difference > WITHIN or whole / here < FASTER)


if __name__ == "__main__":
    sys.exit(main())
