"""Types and shapes of the whole package are checked at every call that the tests make."""

import gc
import os
import pickle
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from jaxtyping import config, install_import_hook
from omegaconf import OmegaConf
from yaml import YAMLError

from tests import checker

# Several processes share the cores: each, and whatever it starts, computes on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
UNCHECKED = {
    # Pydantic checks them by itself; its generic types are unknown to beartype.
    "quantmia.config.check",
    "quantmia.config.schema",
    # Their methods return `Self`, which beartype knows only where it decorates whole classes.
    "quantmia.ranking.results",
    "quantmia.report.load",
    # Its tests hand over runs that are in no file.
    "quantmia.ranking.exposure",
    # Their tests hand over wrong types on purpose, to see what users are told.
    "quantmia.quantizers.activations",
    "quantmia.quantizers.bitsandbytes_runtime",
    "quantmia.quantizers.codebook",
    "quantmia.quantizers.float8",
    "quantmia.quantizers.gguf",
    "quantmia.quantizers.onnx_runtime",
    "quantmia.quantizers.openvino_runtime",
    "quantmia.quantizers.torchao",
    "quantmia.quantizers.torchao_runtime",
    "quantmia.ranking.oracle",
    "quantmia.recording.outputs",
    "quantmia.recording.recorder",
}


def modules() -> list[str]:
    """Every module of the package by its dotted name; a hook on a package takes all below it."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("quantmia/**/*.py"))
    return [".".join(path.parts) for path in paths if path.name != "__init__"]


# As the command does; importing it here would keep what it imports from being checked.
sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]
install_import_hook(sorted(set(modules()) - UNCHECKED), f"{checker.__name__}.checked")


@pytest.fixture
def unchecked():
    """Without the check of types, which makes simulations of thousands of calls 5 times longer.

    Other tests call the same functions with the check.
    """
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session", autouse=True)
def parsed() -> Iterator[None]:
    """The same files, of which Hydra parses dozens for every command, are parsed once."""
    parse = OmegaConf.load

    @cache
    def packed(text: str) -> bytes:
        return pickle.dumps(parse(StringIO(text)))

    def load(file: Any):
        if not hasattr(file, "read"):
            return parse(file)
        try:
            return pickle.loads(packed(file.read()))
        except YAMLError:  # whose message names the file
            file.seek(0)
            return parse(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", load)
        yield


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of fast tests alone are not imported by every worker that runs the slow ones."""
    if config.option.markexpr != "slow" or not collection_path.match("test_*.py"):
        return None
    return None if "pytest.mark.slow" in collection_path.read_text(encoding="utf-8") else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of many slow tests begin, so that no worker is left alone with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """What tests import would otherwise do to those that come after them."""
    # Its handler closes the stream that it was imported with, which is pytest's own, once Hydra
    # configures logging.
    if absl := sys.modules.get("absl.logging"):
        absl.get_absl_handler().python_handler.setStream(sys.__stderr__)
    # Every collection of garbage would go through all that was imported.
    gc.collect()
    gc.freeze()


settings.register_profile("quantmia", max_examples=150, deadline=None, derandomize=True)
settings.load_profile("quantmia")
