"""What depends on a key of the configuration: the one place that says so."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal, get_type_hints

Decides = Literal["data", "runs", "training", "measuring", "tables", "nothing"]


@dataclass(frozen=True)
class Role:
    """What a key of the schema decides, and where runs that differ in it still belong.

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
    """The role of every key, and of those in sections that have one of their own (dotted).

    Args:
        schema: whose fields are annotated with a `Role` each.

    Raises:
        TypeError: a field has none.
    """
    plain, found = get_type_hints(schema), {}
    for name, own in _own(schema).items():
        if len(own) != 1:
            raise TypeError(f"{schema.__name__}.{name} needs one Role, it has {len(own)}")
        found[name] = own[0]
        below = _own(plain[name]) if is_dataclass(plain[name]) else {}
        found |= {f"{name}.{key}": role for key, its in below.items() for role in its}
    return found


def _own(schema: type) -> dict[str, list[Role]]:
    """What every field of a dataclass is annotated with."""
    hints = get_type_hints(schema, include_extras=True)
    return {
        field.name: [
            each
            for each in getattr(hints[field.name], "__metadata__", ())
            if isinstance(each, Role)
        ]
        for field in fields(schema)
    }


def keys(schema: type, wanted: Callable[[Role], bool]) -> tuple[str, ...]:
    """The keys whose role is as wanted, in the schema's order.

    Args:
        schema: of the configuration.
        wanted: of a role.
    """
    return tuple(name for name, role in roles(schema).items() if wanted(role))
