"""The page of all that can be chosen by name, as `quantmia list` has it, with its arguments."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from quantmia.cli.choices import GROUPS, choices
from quantmia.cli.choose import ADDED
from quantmia.config.places import conf_dir
from quantmia.config.targets import LATER
from quantmia.config.wording import allowed, locate, show
from scripts.docs.docstrings import meanings, summary
from scripts.docs.markdown import code, table

HEAD = """\
# What there is to choose from

What `quantmia list` prints, made of the files of `conf/` and of the classes that they name. Of your
own: [data](../how-to/own-data.md), [models](../how-to/own-model.md),
[quantizers](../how-to/own-quantizer.md). Several quantizers and attacks are chosen as a list:
`'quantizer=[full_precision,sign]'`. What has arguments takes them as keys: `dataset.path=rows.csv`,
`quantizer.uniform_4.per=channel`.
"""
LAUNCHERS = """\
## launchers

Where the jobs of a sweep run: `quantmia run -m ... hydra/launcher=local`. Their keys are
`hydra.launcher.jobs` and so on; [a file of your own](../how-to/cluster.md) can name them.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for group, many in GROUPS.items():
        sign = "+" if group in ADDED else ""
        parts += [f"## {many}\n", f"`quantmia run {sign}{group}=NAME`\n"]
        rows = [(code(name), explanation) for name, explanation in choices(group)]
        parts.append(table(("name", "what it is"), rows))
        for target in dict.fromkeys(_targets(group)):
            parts += _arguments(target, LATER.get(group, ()))
    parts.append(LAUNCHERS)
    for path in sorted((conf_dir() / "hydra" / "launcher").glob("*.yaml")):
        parts.append(f"`hydra/launcher={path.stem}`:\n\n```yaml\n{path.read_text()}```\n")
    return "\n".join(parts)


def _targets(group: str) -> Iterator[str]:
    """The classes and functions that the files of a group name, by the files' names."""
    for path in sorted((conf_dir() / group).glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for entry in (content, *content.values()):
            if isinstance(entry, Mapping) and isinstance(entry.get("_target_"), str):
                yield entry["_target_"]


def _arguments(target: str, later: tuple[str, ...]) -> list[str]:
    """The arguments of a class or function that a file can give it; nothing of one without any."""
    called, fault = locate(target)
    if fault:
        raise ValueError(f"{target}: {fault}")
    said = meanings(called)
    rows = [
        (code(name), allowed(each.annotation), code(_default(each)), said[name])
        for name, each in inspect.signature(called, eval_str=True).parameters.items()
        if name not in later and each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    if not rows:
        return []
    columns = ("argument", "may be", "default", "meaning")
    return [f"### {target}\n", f"{summary(called)}\n", table(columns, rows)]


def _default(parameter: inspect.Parameter) -> str:
    value: Any = parameter.default
    if value is inspect.Parameter.empty:
        return ""
    return f"[{','.join(map(show, value))}]" if isinstance(value, list | tuple) else show(value)
