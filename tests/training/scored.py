"""Models of a folder as a quantizer releases them, asked again."""

import numpy as np
import torch

from quantmia.experiment import Experiment
from quantmia.models.loop import Loop
from quantmia.runs.folder import RunFolder
from tests.tiny import AUDITED

# An experiment of the last checkpoint alone, whose calibration rows are asked for.
LAST_AND_AUDITED = (
    "runs=4",
    "training.epochs=2",
    "training.checkpoint_every=2",
    "indicator.grids=[1]",
    "release.checkpoints=last",
    *AUDITED,
)


def answers(
    experiment: Experiment, folder: RunFolder, models: Loop, run: int, name: str
) -> np.ndarray:
    """What the model of a run answers on the pool, quantized anew."""
    pool = torch.from_numpy(experiment.inputs[experiment.parts.pool])
    mask = folder.read_run(run).scores["members"][None].astype(bool)
    params = {key: torch.from_numpy(value)[None] for key, value in folder.read_model(run).items()}
    shown = experiment.shown([(0, run)], mask, "cpu", [name]).get(name)
    return experiment.quantizers[name].release(params, models, pool, shown)(pool)[0, :, 0].numpy()
