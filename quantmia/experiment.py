"""What runs are made of: the dataset of a configuration, and again of finished runs."""

import inspect
from pathlib import Path
from typing import Any, cast

from hydra.utils import instantiate
from omegaconf import OmegaConf

from quantmia.config.schema import ExperimentConfig
from quantmia.data import Dataset, Split, split
from quantmia.data.embedders import make_embedder
from quantmia.errors import FolderError, QuantmiaError
from quantmia.models.factory import model_factory
from quantmia.progress import Progress
from quantmia.quantizers import make
from quantmia.ranking.evidence import Inputs
from quantmia.runs.merge import Merged
from quantmia.training.blocks import inputs


def load_dataset(config: ExperimentConfig, cache: Path, progress: Progress) -> Dataset:
    """Make the dataset; factories that want them get `embedder`, `cache` and `progress`."""
    factory = instantiate(config.dataset, _partial_=True)
    wanted = inspect.signature(factory.func).parameters
    offered: dict[str, Any] = {"cache": cache, "progress": progress}
    if config.embedder is not None and "embedder" in wanted:
        offered["embedder"] = make_embedder(config.embedder)
    elif "embedder" in wanted and wanted["embedder"].default is inspect.Parameter.empty:
        raise QuantmiaError("embedder=none: this dataset holds molecules; use embedder=minimol")
    return factory(**{key: value for key, value in offered.items() if key in wanted})


def read_by_attacks(config: ExperimentConfig, dataset: Dataset, parts: Split) -> Inputs:
    """What attacks may read besides the run files.

    Args:
        config: of the experiment.
        dataset: its data.
        parts: of the dataset.
    """
    x = inputs(config, dataset, parts)
    module = model_factory(config.model, dataset)().to("meta").eval()
    quantizers = {name: make(each) for name, each in config.quantizer.items()}
    return Inputs(x[parts.pool], x[parts.validation], module, quantizers)


def config_of(merged: Merged) -> ExperimentConfig:
    """The configuration of finished runs, typed."""
    schema = OmegaConf.structured(ExperimentConfig)
    return cast(ExperimentConfig, OmegaConf.to_object(OmegaConf.merge(schema, merged.config)))


def dataset_of(merged: Merged, cache: Path, progress: Progress) -> tuple[Dataset, Split]:
    """The dataset of finished runs with its parts.

    Args:
        merged: the runs.
        cache: folder of embeddings.
        progress: shows how far it is.

    Raises:
        FolderError: it is no longer the one that they were trained on.
        DataError: it cannot be read.
    """
    config = config_of(merged)
    dataset = load_dataset(config, cache, progress)
    if dataset.fingerprint != merged.dataset["sha256"]:
        raise FolderError(
            f"{merged.runs[0].folders[0].path}: its dataset is wanted, and is no longer the one "
            "that the runs were trained on; restore it, or leave out what wants it (an attack that "
            "reads features, --expose-samples)."
        )
    return dataset, split(dataset, config.split.validation, config.split.seed)


def read_by_attacks_again(merged: Merged, cache: Path, progress: Progress) -> Inputs:
    """What attacks may read of finished runs.

    Args:
        merged: the runs.
        cache: folder of embeddings.
        progress: shows how far it is.

    Raises:
        FolderError: the dataset is no longer the one that they were trained on.
    """
    return read_by_attacks(config_of(merged), *dataset_of(merged, cache, progress))
