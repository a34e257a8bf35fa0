"""What to ship, in words."""

from collections.abc import Iterator

from quantmia.errors import counted
from quantmia.ranking.decision import Decision, Offer
from quantmia.statistics import Interval
from quantmia.vocabulary import BEST

ALONE = "loss_threshold"  # which needs no models of its own


def advice(found: Decision) -> list[str]:
    """What to ship, what it costs not to, whether quantizing gains, who attacks: a sentence each.

    Args:
        found: the facts.
    """
    return [
        _to_ship(found),
        *_on_usual(found),
        *_on_stronger(found),
        *_on_gain(found),
        _on_attacker(found),
    ]


def _to_ship(found: Decision) -> str:
    """The release that the rule chooses."""
    rule = found.rule
    if found.ship is None:
        return (
            f"No release has a MIS of {rule.mis} or more (release.mis); the most private is "
            f"{_named(found.most_private)}: {_costs(found, found.most_private)}."
        )
    said = f"Ship {_named(found.ship)}: {_costs(found, found.ship)}"
    if rule.mis is not None:
        return f"{said}; the most useful with a MIS of {rule.mis} or more (release.mis)."
    return (
        f"{said}; the most private with {found.metric} at most {percent(rule.utility_loss)} below "
        f"the best, {found.best_utility:.3f} (release.utility_loss)."
    )


def _on_usual(found: Decision) -> Iterator[str]:
    """What people ship, if it is another."""
    usual = found.usual
    if usual is None or found.ship is None:
        return
    if _same(usual, found.ship):
        yield "That is what people usually ship."
        return
    said = f"People usually ship {_named(usual)}: {_costs(found, usual)}"
    if saved := found.saved:
        lower, by = ("lower", saved) if saved.value >= 0 else ("higher", _minus(saved))
        said += f"; its MIS is {lower} by {_interval(by)}"
    yield f"{said}."


def _on_stronger(found: Decision) -> Iterator[str]:
    if found.stronger and found.ship and not _same(found.stronger, found.ship):
        yield f"Stronger: {_named(found.stronger)}, {_costs(found, found.stronger)}."


def _on_gain(found: Decision) -> Iterator[str]:
    """Whether quantizing gains anything over stopping earlier."""
    if found.gain is None or found.gained_by is None:
        return
    by, gain = found.gained_by, found.gain
    same = f"at the same {found.metric}, MIS of {_named(by)}"
    others, what = "that of full precision", "Quantizing"
    if found.against:
        others, what = f"that of {found.against}", "Another way to train or quantize"
    if gain.low > 0:
        yield (
            f"{what} gains over stopping earlier: {same} is higher than {others} by "
            f"{_interval(gain)}."
        )
    elif found.loses:
        yield (
            f"{what} loses to stopping earlier: even {same} is lower than {others}, by "
            f"{_interval(_minus(gain))}."
        )
    else:
        yield (
            f"{what} gains nothing over stopping earlier that {counted(found.runs, 'run')} "
            f"would show: {same} differs from {others} by {_interval(gain, '+')}."
        )


def _on_attacker(found: Decision) -> str:
    """Who is assumed to attack, and what a flag is worth."""
    said = f"The attacker ({found.attack}) "
    if found.attack == ALONE or found.runs == 1:
        said += "sees nothing but the released model"
    else:
        said += f"has {counted(found.runs - 1, 'model')} of its own, trained in the same way on "
        said += "samples of which it knows who was in"
    if found.ship is None or found.ship.precision is None:
        return f"{said}."
    return (
        f"{said}; of 100 samples that it flags at 1 % false positives, "
        f"{100 * found.ship.precision:.0f} were in training (50 if it guessed)."
    )


def named(quantizer: str, checkpoint: str, epoch: float) -> str:
    """A release as a sentence names it.

    Args:
        quantizer: its name.
        checkpoint: its name.
        epoch: after which it is taken.
    """
    if checkpoint == BEST:
        return f"{quantizer} at its best held-out loss (epoch {epoch:.3g})"
    return f"{quantizer} after {counted(round(epoch), 'epoch')}"


def _named(offer: Offer) -> str:
    return named(offer.quantizer, offer.checkpoint, offer.epoch)


def _costs(found: Decision, offer: Offer) -> str:
    advantage = 1 - offer.mis_upper
    known = f"at least {advantage:.3f}" if advantage == advantage else "not known from one run"
    said = f"{found.metric} {offer.utility:.3f}, an attacker's advantage {known}"
    return said if offer.epsilon is None else f"{said}, epsilon at most {offer.epsilon:.2f}"


def _same(one: Offer, other: Offer) -> bool:
    return (one.quantizer, one.checkpoint) == (other.quantizer, other.checkpoint)


def percent(share: float) -> str:
    """A share in words.

    Args:
        share: of 1.
    """
    return f"{100 * share:g} %"


def _minus(found: Interval) -> Interval:
    return Interval(-found.value, -found.high, -found.low)


def _interval(found: Interval, sign: str = "") -> str:
    said = f"{found.value:{sign}.3f}"
    if found.low == found.low:
        said += f" [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"
    return said
