"""In what two manifests or configurations differ."""

import math
from collections.abc import Iterator, Mapping
from typing import Any


def changed_since(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Which data and which code of the user's differ between manifests, in words.

    Args:
        there: a manifest.
        here: another.
    """
    changed = []
    if there["dataset"]["sha256"] != here["dataset"]["sha256"]:
        changed.append("the content of the dataset")
    code = [each.get("sources", {}) for each in (there, here)]  # which old ones do not have
    changed += [
        f"the code of {name}"
        for name in sorted(code[0].keys() & code[1].keys())
        if code[0][name] != code[1][name]
    ]
    initial = [each.get("initial", {}) for each in (there, here)]
    moved = [
        name
        for name in initial[0].keys() & initial[1].keys()
        if not math.isclose(initial[0][name], initial[1][name], rel_tol=1e-4, abs_tol=1e-9)
    ]
    if moved and not any(each.startswith("the code") for each in changed):
        changed.append(f"what the model starts from ({', '.join(sorted(moved)[:3])})")
    return changed


def as_there(here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """A configuration in which every `auto` that its runs would settle is what it was for others.

    Args:
        here: as it is recorded.
        there: as it was for runs that were made.
    """
    settled = here | {"training": dict(here["training"])}
    if here["device"] == "auto":
        settled["device"] = there["device"]
    for key in ("stack", "vectorize"):
        if here["training"][key] == "auto":
            settled["training"][key] = there["training"][key]
    return settled


def differing_keys(a: dict[str, Any], b: dict[str, Any], ignore: tuple[str, ...]) -> list[str]:
    """Keys (dotted) whose values differ, each with both values.

    Args:
        a: a recorded configuration.
        b: another.
        ignore: top-level keys that may differ.
    """
    flat_a, flat_b = (
        dict(_flatten({k: v for k, v in c.items() if k not in ignore})) for c in (a, b)
    )
    absent = "(absent)"
    return [
        f"{key}: {flat_a.get(key, absent)} and {flat_b.get(key, absent)}"
        for key in sorted(flat_a.keys() | flat_b.keys())
        if flat_a.get(key, absent) != flat_b.get(key, absent)
    ]


def _flatten(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
