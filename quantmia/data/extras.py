"""Packages that only molecules need."""

from importlib.metadata import version

from quantmia.errors import QuantmiaError


def installed_version(package: str) -> str:
    """The version of a package of the molecules extra.

    Args:
        package: the name that it is installed by.

    Raises:
        QuantmiaError: it is not installed.
    """
    try:
        return version(package)
    except ModuleNotFoundError:
        raise QuantmiaError(
            f"embedder: the package {package} is not installed. "
            "Install the molecules extra: pip install 'quantmia[molecules]'"
        ) from None
