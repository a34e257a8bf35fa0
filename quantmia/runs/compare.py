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
    code = [name for name, a, b in _in_both(there, here, "sources") if a != b]
    changed += [f"the code of {name}" for name in code]
    moved = [
        name
        for name, a, b in _in_both(there, here, "initial")
        if not math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9)
    ]
    if moved and not code:  # which says it already
        changed.append(f"what the model starts from ({', '.join(moved[:3])})")
    return changed


def _in_both(
    there: Mapping[str, Any], here: Mapping[str, Any], key: str
) -> Iterator[tuple[str, Any, Any]]:
    """Names that a part of both manifests has, with both values; old manifests lack the part."""
    a, b = there.get(key, {}), here.get(key, {})
    yield from ((name, a[name], b[name]) for name in sorted(a.keys() & b.keys()))


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
    mine, theirs = here["training"]["dp"], there["training"]["dp"]
    if mine["epsilon"] is not None and mine["noise_multiplier"] is None:
        noise = theirs["noise_multiplier"] if theirs["epsilon"] == mine["epsilon"] else None
        settled["training"]["dp"] = mine | {"noise_multiplier": noise}
    return settled


def without_idle_bounds(config: dict[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in which a bound on the samples that are kept is null where it keeps all.

    Args:
        config: as it is recorded.
        dataset: what a manifest says of its data.
    """
    held_out, pool = dataset.get("validation", math.inf), dataset.get("pool", math.inf)
    bounded = {"indicator": held_out, "release": max(held_out / 2, pool)}
    found = dict(config)
    for section, samples in bounded.items():
        bound = config.get(section, {}).get("samples")
        if bound is not None and bound >= samples:
            found[section] = config[section] | {"samples": None}
    return found


def differing_keys(a: dict[str, Any], b: dict[str, Any], ignore: tuple[str, ...]) -> list[str]:
    """Keys (dotted) whose values differ, each with both values.

    Args:
        a: a recorded configuration.
        b: another.
        ignore: keys (dotted) that may differ, with all below them.
    """
    within = tuple(f"{each}." for each in ignore)
    flat_a, flat_b = (
        {k: v for k, v in _flatten(c) if k not in ignore and not k.startswith(within)}
        for c in (a, b)
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
