"""Outputs of made-up models that remember their members a little."""

from pathlib import Path

import numpy as np
import pandas as pd

from quantmia.recording.plan import Plan
from quantmia.runs.folder import RunFolder

SAMPLES, RUNS = 60, 6


def plan(samples: int = SAMPLES, runs: int = RUNS, seed: int = 0) -> Plan:
    return Plan.drawn(samples, runs, seed)


def target(task: str, samples: int = SAMPLES) -> np.ndarray:
    rng = np.random.default_rng(1)
    if task == "regression":
        return rng.normal(5.0, 2.0, size=samples)
    return np.arange(samples) % (2 if task == "binary" else 4)


def outputs(task: str, run: int, noise: float = 0.5, members: np.ndarray | None = None):
    """Raw outputs of a run: right with noise, and nearer to the targets of members."""
    members = plan().members if members is None else members
    goal, rng = target(task, members.shape[1]), np.random.default_rng([2, run])
    error = noise * rng.normal(size=members.shape[1]) * np.where(members[run], 0.5, 1.0)
    if task == "regression":
        return goal + error
    if task == "binary":
        return 4.0 * goal - 2 + 4 * error
    logits = rng.normal(size=(len(goal), 4))
    logits[np.arange(len(goal)), goal] += 3 + error
    return logits


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Of class 1, or of every class."""
    if logits.ndim == 1:
        return 1 / (1 + np.exp(-logits))
    share = np.exp(logits - logits.max(1, keepdims=True))
    return share / share.sum(1, keepdims=True)


def arrays(task: str = "regression", members: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """As an .npz holds them, of two variants."""
    mask = plan().members if members is None else members
    runs = range(len(mask))
    return {
        "members": mask,
        "target": target(task, mask.shape[1]),
        "outputs/full_precision": np.stack([outputs(task, run, 0.5, mask) for run in runs]),
        "outputs/int4": np.stack([outputs(task, run, 0.7, mask) for run in runs]),
    }


def long_table(arrays: dict[str, np.ndarray]) -> pd.DataFrame:
    """The same as a row for every run, sample and variant."""
    runs, samples = arrays["members"].shape
    tables = []
    for name, values in arrays.items():
        if not name.startswith("outputs/"):
            continue
        goal = np.broadcast_to(arrays["target"], (runs, samples))
        table = pd.DataFrame(
            {
                "run": np.repeat(np.arange(runs), samples),
                "sample": np.tile([f"s{at}" for at in range(samples)], runs),
                "variant": name.removeprefix("outputs/"),
                "member": arrays["members"].astype(int).ravel(),
                "target": goal.ravel(),
            }
        )
        flat = values.reshape(runs * samples, -1)
        heads = ["output"] if flat.shape[1] == 1 else [f"output_{k}" for k in range(flat.shape[1])]
        tables.append(table.assign(**dict(zip(heads, flat.T, strict=True))))
    return pd.concat(tables, ignore_index=True)


def exported(folder: RunFolder) -> dict[str, np.ndarray]:
    """A folder of our own trainings as arrays, with losses."""
    runs = [folder.read_run(run) for run in folder.numbers()]
    names = [name for name in runs[0].scores if name not in ("members", "target")]
    found = {key: np.stack([run.scores[key] for run in runs]) for key in ("members", "target")}
    found |= {f"outputs/{n}": np.stack([run.scores[n] for run in runs]) for n in names}
    return found | {f"losses/{n}": np.stack([run.losses[n] for run in runs]) for n in names}


def save(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
    return path
