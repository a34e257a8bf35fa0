"""The page of all keys of the configuration, made of the schema and of `conf/config.yaml`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import yaml

from quantmia.cli.choices import GROUPS
from quantmia.cli.overrides import composed
from quantmia.cli.resolvers import prepare
from quantmia.config.places import conf_dir
from quantmia.config.roles import Role, roles
from quantmia.config.schema import ExperimentConfig
from quantmia.config.wording import allowed, show
from scripts.docs.docstrings import meanings, summary
from scripts.docs.markdown import code, table

HEAD = """\
# Configuration

Every key of `quantmia run`, with what it may be and its default, made of the schema that checks it
(`quantmia/config/`) and of `conf/config.yaml`. Set one with `key=value`; lists are quoted for the
shell: `'indicator.grids=[1,5]'`. `quantmia run --cfg job` prints the configuration of a command
without running it, and all faults of a configuration are told at once.

*A change costs* what another value makes necessary: training; training the runs that are missing;
measuring the checkpoints, without training where `trajectory.keep=true` kept them; the tables
alone, in the finished folder with `resume=true`; or nothing.
"""
COSTS = {
    "data": "training",
    "training": "training",
    "runs": "missing runs",
    "measuring": "measuring",
    "tables": "tables",
    "nothing": "nothing",
}
COLUMNS = ("key", "may be", "default", "meaning", "a change costs")


def page() -> str:
    """The whole page."""
    prepare()
    config, role = composed([]), roles(ExperimentConfig)
    parts = [HEAD, "## The experiment\n", _table(ExperimentConfig, config, role)]
    for prefix, schema, value in sections(ExperimentConfig, config):
        parts += [f"## {prefix}\n", f"{summary(schema)}\n"]
        parts.append(_table(schema, value, role, f"{prefix}."))
    return "\n".join(parts)


def sections(schema: type, config: Any, prefix: str = "") -> Iterator[tuple[str, type, Any]]:
    """Every part of the configuration that has keys of its own, with its values.

    Args:
        schema: a dataclass.
        config: its values.
        prefix: of the keys.
    """
    for name, hint in get_type_hints(schema).items():
        if is_dataclass(hint):
            dotted, value = f"{prefix}{name}", getattr(config, name)
            yield dotted, hint, value  # pyright: ignore[reportReturnType]
            yield from sections(hint, value, f"{dotted}.")  # pyright: ignore[reportArgumentType]


def _table(schema: type, config: Any, role: Mapping[str, Role], prefix: str = "") -> str:
    """The keys of one part.

    Raises:
        KeyError: the docstring does not say what a key means.
    """
    said, hints = meanings(schema), get_type_hints(schema, include_extras=True)
    plain, chosen = get_type_hints(schema), _chosen()
    rows = []
    for each in fields(schema):
        dotted = f"{prefix}{each.name}"
        decides = (role.get(dotted) or role[dotted.partition(".")[0]]).decides
        if is_dataclass(plain[each.name]):
            what, default = f"[keys of its own](#{dotted.replace('.', '')})", ""
        elif each.name in GROUPS and not prefix:
            many = GROUPS[each.name]
            what, default = f"[one of the {many}](choices.md#{many})", code(chosen[each.name])
            what = what.replace("one of", "some of") if "," in chosen[each.name] else what
        else:
            what, default = allowed(hints[each.name]), code(_shown(getattr(config, each.name)))
        rows.append((code(dotted), what, default, said[each.name], COSTS[decides]))
    return table(COLUMNS, rows)


def _shown(value: Any) -> str:
    return f"[{','.join(map(show, value))}]" if isinstance(value, list) else show(value)


def _chosen() -> dict[str, str]:
    """What the defaults choose of every group."""
    listed = yaml.safe_load((conf_dir() / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    groups = {
        key: value for each in listed if isinstance(each, dict) for key, value in each.items()
    }
    return {key: _names(value) for key, value in groups.items()}


def _names(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else f"[{','.join(value)}]"
