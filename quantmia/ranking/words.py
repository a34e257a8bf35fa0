"""A conclusion in words."""

from collections.abc import Sequence

from quantmia.errors import counted
from quantmia.ranking.conclusion import MANY, Conclusion, OpenPair, Place

LISTED = 4  # so many at most are named in a headline


def answer(found: Conclusion) -> str:
    """All of it in one sentence, for a terminal and for files.

    Args:
        found: the facts.
    """
    parts = [best(found)]
    if found.ties:
        listed = ", ".join(found.ties)
        parts.append(f"at {counted(found.runs, 'run')} it cannot be told apart from {listed}")
    if found.open_pairs and found.runs > 1:
        listed = ", ".join(_with_runs(found, pair) for pair in found.open_pairs)
        parts.append(f"neighbours that cannot be told apart: {listed}")
    return f"{'; '.join(parts)}."


def headline(found: Conclusion) -> tuple[str, str]:
    """What leaks least at which cost, and how sure that is: two sentences.

    Args:
        found: the facts.
    """
    by = f"the attack {found.trusted}" if found.trusted else "r_Q"
    measured = f"Measured by {by} on {counted(found.runs, 'run')}"
    return f"{best(found)}.", f"{measured}; {_doubts(found)}."


def best(found: Conclusion) -> str:
    """Which quantizer leaks least and at what cost, without a full stop.

    Args:
        found: the facts.
    """
    privacy = found.best.privacy
    said = f"{found.best.quantizer} leaks least ({found.key.label} {privacy.value:.3f}"
    if privacy.low == privacy.low:
        said += f" [{privacy.low:.3f}, {privacy.high:.3f}]"
    said += f"{_bound(found.best)}) at {found.metric} {found.best.utility:.3f}"
    if found.reference:
        full = found.reference
        said += f", against {full.privacy.value:.3f}{_bound(full)} at {found.metric} "
        said += f"{full.utility:.3f} in full precision"
    return said


def _bound(place: Place) -> str:
    """What all attacks together leave of its security."""
    return "" if place.mis_upper is None else f", MIS at most {place.mis_upper:.3f}"


def _doubts(found: Conclusion) -> str:
    """Which quantizers cannot be told apart: those like the first, and neighbours."""
    if found.quantizers == 1:
        return "there is no other to compare it with"
    if found.runs == 1:
        return "one run does not tell how sure that is"
    if not found.sure:
        return "other choices of these runs leave it undefined, and nothing says how sure it is"
    near = [
        f"{pair.quantizer} / {pair.other}"
        for pair in found.open_pairs
        if pair.quantizer != found.best.quantizer
    ]
    said = []
    if found.ties:
        said.append(f"it cannot be told apart from {_listed(found.ties, 'others')}")
    if near:
        said.append(f"neighbours that cannot be told apart: {_listed(near, 'pairs')}")
    return "; ".join(said) or "every two neighbours in the ranking are told apart"


def _with_runs(found: Conclusion, pair: OpenPair) -> str:
    said = f"{pair.quantizer} / {pair.other}"
    if found.trusted is None:  # nothing estimates how many runs r_Q would take
        return said
    if pair.more_runs is None:
        return f"{said} (over {MANY} runs would)"
    likely = ""
    if pair.likely:
        low, high = (f"over {MANY}" if each is None else each for each in pair.likely)
        likely = f", likely {low} to {high}"
    return f"{said} (about {counted(pair.more_runs, 'more run')} would{likely})"


def _listed(items: Sequence[str], kind: str) -> str:
    """All of a few, or how many there are."""
    return ", ".join(items) if len(items) <= LISTED else f"{len(items)} {kind}"
