"""Where the built-in configurations are."""

from pathlib import Path


def conf_dir() -> Path:
    """The folder of the built-in configurations, of an installed package or of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").exists():
            return folder
    raise FileNotFoundError(f"no conf/config.yaml beside {package}; install quantmia again")
