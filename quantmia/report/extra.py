"""The packages that the extra `report` installs, and what is said where they are not there."""

from quantmia.errors import QuantmiaError

try:
    import altair as alt
    import vl_convert as vl_convert
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
except ModuleNotFoundError as error:
    raise QuantmiaError(
        f"report: the package {error.name} is not installed. Install the report extra: "
        "pip install 'quantmia[report]'"
    ) from None

__all__ = ["Environment", "Markup", "PackageLoader", "StrictUndefined", "alt", "vl_convert"]
