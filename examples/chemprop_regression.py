"""Audit message passing of chemprop: what a smaller network and torchao's int4 keep private.

python examples/chemprop_regression.py
quantmia rank outputs/chemprop_regression
"""

import copy
import logging
import warnings

import datamol
import torch
from chemprop import data, models, nn
from lightning import pytorch as pl

import quantmia

# Before torchao is imported, which warns of kernels for GPUs, as Lightning tells of GPUs.
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore", module="lightning")
table = datamol.data.freesolv()  # free energies of hydration, in kcal/mol
y = table["expt"].to_numpy()
molecules = [
    data.MoleculeDatapoint.from_smi(smiles, [energy])
    for smiles, energy in zip(table["smiles"], y, strict=True)
]


def trained(rows: list[int], width: int) -> models.MPNN:
    """A network that has seen these molecules, and answers in the units of the target."""
    members = data.MoleculeDataset([molecules[row] for row in rows])
    unscale = nn.UnscaleTransform.from_standard_scaler(members.normalize_targets())
    members.cache = True
    head = nn.RegressionFFN(input_dim=width, hidden_dim=width, output_transform=unscale)
    model = models.MPNN(nn.BondMessagePassing(d_h=width), nn.MeanAggregation(), head)
    trainer(epochs=30).fit(model, data.build_dataloader(members, batch_size=32, num_workers=0))
    return model


def predicted(model: models.MPNN) -> torch.Tensor:
    """What a network answers on all molecules."""
    everyone = data.build_dataloader(data.MoleculeDataset(molecules), shuffle=False)
    return torch.cat(trainer().predict(model, everyone))


def trainer(epochs: int | None = None) -> pl.Trainer:
    """A Trainer that keeps quiet and no files."""
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def int4(model: models.MPNN) -> models.MPNN:
    """A copy with the weights that torchao would ship."""
    from torchao.quantization import IntxWeightOnlyConfig, PerAxis, quantize_

    model = copy.deepcopy(model)
    quantize_(model, IntxWeightOnlyConfig(torch.int4, PerAxis(0)))
    return model


plan = quantmia.Plan.drawn(samples=len(y), runs=8)
with quantmia.Recorder(
    "outputs/chemprop_regression", target=y, task="regression", members=plan
) as recorder:
    for run in recorder.remaining("full_precision", "int4", "narrow"):
        pl.seed_everything(run, verbose=False)
        rows = plan.of_run(run).tolist()
        model = trained(rows, width=300)
        recorder.add(run, "full_precision", predicted(model), bits=32)
        recorder.add(run, "int4", predicted(int4(model)), bits=4)
        recorder.add(run, "narrow", predicted(trained(rows, width=30)), bits=32)
