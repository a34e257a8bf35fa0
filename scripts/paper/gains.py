"""Does quantizing gain anything over stopping earlier? A verdict and figures of every front."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from quantmia.ranking.advice import named
from quantmia.ranking.audit import trusted_attack
from quantmia.ranking.decision import Decision, Offer, Rule
from quantmia.ranking.tables import attacks_of
from quantmia.statistics import Interval
from scripts.paper.drawing import label, panels
from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.studies import short

ANY = Rule(float("inf"))  # whatever the utility
SHADES = {"gains": "#0072B2", "loses": "#D55E00", "not shown": "0.45"}  # by verdict
ROW = 0.17  # inches


def verdict(decision: Decision) -> str:
    """Whether the surest gain is one.

    Args:
        decision: of a front.
    """
    if decision.gain is None:
        return "none is that useful"
    if decision.gain.low > 0:
        return "gains"
    return "loses" if decision.loses else "not shown"


def gains(numbers: Numbers) -> pd.DataFrame:
    """What to ship of every data set, what people ship, and what quantizing gains.

    Returns:
        `study, setting`; the release to `ship`, its `utility` and `advantage` (the least that an
        attacker has); `usual_utility` and `usual_advantage` of full precision at its best loss; the
        surest `gain` of the releases that are useful enough with its interval, which release has it
        (`by`), and the `verdict`; and the same `anywhere`, however useful.
    """
    rows = []
    for (study, setting), front in numbers.fronts.groupby(KEYS, sort=False):
        attack = trusted_attack(attacks_of(front.dropna(axis=1, how="all")))
        assert attack is not None
        runs, loss = int(front["runs"].iloc[0]), float(front["utility_loss"].iloc[0])
        near = Decision.of(front, attack, runs, Rule(loss))
        anywhere = Decision.of(front, attack, runs, ANY)
        rows.append(
            {
                "study": study,
                "setting": setting,
                **_offered(near.ship, "ship", ""),
                **_offered(near.usual, None, "usual_"),
                **_gained(near, "gain", "by", "verdict"),
                **_gained(anywhere, "anywhere", "by_anywhere", "verdict_anywhere"),
            }
        )
    return pd.DataFrame(rows)


def gains_figure(numbers: Numbers) -> Figure | None:
    """The surest gain of every data set with its interval, near the best utility and anywhere."""
    table = gains(numbers)
    if table.empty:
        return None
    figure, axes = panels(2)
    figure.set_size_inches(figure.get_figwidth(), 1.1 + ROW * len(table))
    places = np.arange(len(table))[::-1]
    for panel, key, of, title in zip(
        axes,
        ("gain", "anywhere"),
        ("verdict", "verdict_anywhere"),
        ("of releases within the allowed utility", "of all releases"),
        strict=True,
    ):
        panel.axvline(0, color="0.6", lw=0.8, zorder=0)
        for name, shade in SHADES.items():
            mine = (table[of] == name).to_numpy()
            if not mine.any():
                continue
            low, high, value = (
                table[f"{key}{end}"].astype(float)[mine] for end in ("_low", "_high", "")
            )
            panel.hlines(places[mine], low, high, color=shade, lw=1.2)
            panel.plot(value, places[mine], "o", color=shade, label=name)
        panel.set_title(title)
        panel.set_yticks(places, [_called(*each) for each in table[KEYS].to_numpy()])
    label(figure, axes, "gain of MIS over stopping earlier", None)
    return figure


def _called(study: str, setting: str) -> str:
    return study if setting == "default" else f"{study}, {short(setting)}"


def _offered(offer: Offer | None, name: str | None, prefix: str) -> dict[str, str | float]:
    """A release in columns; empty where there is none."""
    if offer is None:
        found: dict[str, str | float] = {f"{prefix}utility": np.nan, f"{prefix}advantage": np.nan}
    else:
        found = {f"{prefix}utility": offer.utility, f"{prefix}advantage": 1 - offer.mis_upper}
    return ({name: _named(offer)} if name else {}) | found


def _gained(decision: Decision, key: str, by: str, of: str) -> dict[str, str | float]:
    gain = decision.gain or Interval(np.nan, np.nan, np.nan)
    return {by: _named(decision.gained_by), **gain.cells(key), of: verdict(decision)}


def _named(offer: Offer | None) -> str:
    return "" if offer is None else named(offer.quantizer, offer.checkpoint, offer.epoch)
