"""Audit a LightningModule: what torchao's integers and fewer epochs keep private, with r_Q.

python examples/lightning_module.py
quantmia rank outputs/lightning_module
"""

import copy
import logging
import warnings

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import quantmia

# Before torchao is imported, which warns of kernels for GPUs, as Lightning tells of GPUs.
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore", module="lightning")
BITS = {"full_precision": 32, "int8": 8, "int4": 4}
EPOCHS = (5, 20, 60)
images, digits = load_digits(return_X_y=True)
X, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits)
X, y, held_out, answers = X[:1500], y[:1500], X[1500:], y[1500:]


class Digits(lightning.LightningModule):
    """A small network that reads handwritten digits."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))

    def training_step(self, batch):
        """The loss of a batch."""
        return F.cross_entropy(self.layers(batch[0]), batch[1])

    def configure_optimizers(self):
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def stored(layers: nn.Module, bits: int) -> nn.Module:
    """The layers as torchao would ship them, or as they are where nothing is to be saved."""
    from torchao.quantization import IntxWeightOnlyConfig, PerAxis, quantize_

    layers = copy.deepcopy(layers)
    if bits < 32:
        quantize_(layers, IntxWeightOnlyConfig(getattr(torch, f"int{bits}"), PerAxis(0)))
    return layers


class Record(lightning.Callback):
    """Records what a run's model answers after each of the epochs."""

    def __init__(self, recorder: quantmia.Recorder, run: int):
        self.recorder, self.run = recorder, run

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        """Keep the answers of the model and of what would be shipped."""
        epoch = trainer.current_epoch + 1
        for name, bits in BITS.items() if epoch in EPOCHS else ():
            model = stored(pl_module.layers, bits)
            losses = F.cross_entropy(model(held_out), answers, reduction="none")
            self.recorder.add(self.run, name, model(X), epoch=epoch, bits=bits)
            self.recorder.losses(self.run, name, epoch, losses)


plan = quantmia.Plan.drawn(samples=len(y), runs=8)
with quantmia.Recorder(
    "outputs/lightning_module", target=y, task="multiclass", members=plan
) as recorder:
    for run in recorder.remaining(*BITS, epochs=EPOCHS):
        lightning.seed_everything(run, verbose=False)
        rows = plan.of_run(run)
        batches = DataLoader(TensorDataset(X[rows], y[rows]), batch_size=32, shuffle=True)
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=EPOCHS[-1],
            callbacks=Record(recorder, run),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Digits(), batches)
