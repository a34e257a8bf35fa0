"""Types and shapes of the numerical core are checked at every call that the tests make."""

from hypothesis import settings
from jaxtyping import install_import_hook

# Not the modules whose tests hand over wrong types on purpose to see what users are told.
CHECKED = [
    "attacks",
    "data.dataset",
    "data.split",
    "data.synthetic",
    "files",
    "training.losses",
    "models.heads",
    "quantizers.base",
    "seeding",
    "models.stack",
    "tasks",
    "training.train",
    "training.checkpoints",
]
install_import_hook([f"quantmia.{module}" for module in CHECKED], "beartype.beartype")

settings.register_profile("quantmia", max_examples=150, deadline=None, derandomize=True)
settings.load_profile("quantmia")
