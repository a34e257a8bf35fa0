"""What depends on a key of the configuration: the one place that says so."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, get_type_hints

Decides = Literal["data", "runs", "training", "measuring", "tables", "nothing"]


@dataclass(frozen=True)
class Role:
    """What a top-level key of the schema decides, and where runs that differ in it still belong.

    Args:
        decides: the `data`; which `runs` there are; the bits of a `training`; what is then measured
            of it (`measuring`); only the `tables`; or `nothing` that is computed.
        merges: whether folders that differ in it can be ranked together.
        adds_up: whether jobs of a sweep that differ in it are one ranking by themselves.
        of_machine: whether it names the machine, and not the experiment.
    """

    decides: Decides
    merges: bool = False
    adds_up: bool = False
    of_machine: bool = False

    @property
    def tables_only(self) -> bool:
        """Whether a finished run does not depend on it: changing it trains nothing again."""
        return self.decides in ("tables", "nothing")


def roles(schema: type) -> dict[str, Role]:
    """The role of every key.

    Args:
        schema: whose fields are annotated with a `Role` each.

    Raises:
        TypeError: a field has none.
    """
    hints = get_type_hints(schema, include_extras=True)
    found = {}
    for field in fields(schema):
        said = getattr(hints[field.name], "__metadata__", ())
        own = [each for each in said if isinstance(each, Role)]
        if len(own) != 1:
            raise TypeError(f"{schema.__name__}.{field.name} needs one Role, it has {len(own)}")
        found[field.name] = own[0]
    return found


def keys(schema: type, wanted: Callable[[Role], bool]) -> tuple[str, ...]:
    """The keys whose role is as wanted, in the schema's order.

    Args:
        schema: of the configuration.
        wanted: of a role.
    """
    return tuple(name for name, role in roles(schema).items() if wanted(role))
