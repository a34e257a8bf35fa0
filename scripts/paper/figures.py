"""The figures of the paper's studies; each is None where its study is not at hand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from quantmia.report.runs_needed import COLOURS, MARKERS, draw
from quantmia.statistics import ranks
from scripts.paper.ablations import grid, low_loss, regime, scale, validation
from scripts.paper.drawing import counts, half_widths, heat, label, line, panels, scattered
from scripts.paper.gains import gains_figure
from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.repeated import TRUSTED
from scripts.paper.studies import factors, short
from scripts.paper.tables import DATA, on_paper_mixture, tradeoff

NAMES = {
    "mixtures": "mixture, 8 modes, σ 2", "bbb": "BBB", "lipophilicity": "Lipophilicity",
    "esol": "ESOL", "freesolv": "FreeSolv", "logbb": "logBB",
}  # fmt: skip
METRICS = {"r2": "R²", "accuracy": "accuracy", "roc_auc": "ROC-AUC"}


def ranking_figure(numbers: Numbers) -> Figure | None:
    """Rank of every quantizer in every setting, by MIS and by r_Q of all runs."""
    table = numbers.rankings[numbers.rankings["study"].isin(DATA)]
    if table.empty:
        return None
    keys = [f"{study}, {short(setting)}" for study, setting in table[KEYS].to_numpy()]
    tables = []
    for column in (f"mis_{TRUSTED}", "r_q"):
        wide = table.assign(key=keys).pivot(index="key", columns="quantizer", values=column)
        wide = wide.loc[list(dict.fromkeys(keys))]
        tables.append(pd.DataFrame(ranks(wide.to_numpy(float).T).T, wide.index, wide.columns))
    order = tables[0].mean().sort_values(kind="stable").index
    titles = (f"by MIS of {TRUSTED}", "by r$_Q$")
    return heat(titles, [each[order] for each in tables], "rank, 1 = most private")


def runs_figure(numbers: Numbers) -> Figure | None:
    """Spearman of r_Q with MIS against the number of runs; the band is of the trusted attack."""
    table = numbers.counts
    shown = [data for data in DATA if len(_fitted(table, data))]
    if not shown:
        return None
    figure, axes = panels(len(shown))
    for panel, data in zip(axes, shown, strict=True):
        for number, (attack, mine) in enumerate(_fitted(table, data).groupby("attack", sort=False)):
            band = "band" if attack == TRUSTED else ""
            line(panel, mine["runs"], mine, number, str(attack), interval=band)
        counts(panel, sorted(table["runs"].unique()))
        panel.set_title(NAMES[data])
    label(figure, axes, "runs", "Spearman of r$_Q$ with MIS")
    return figure


def needed_figure(numbers: Numbers) -> Figure | None:
    """Spearman of estimators with LiRA on other runs; bands of r_Q and the discriminator.

    The table has all: of the attacks' AUCs the figure shows the one that orders rankings.
    """
    table = numbers.needed
    others = table["estimator"].str.startswith("auc_") & (table["estimator"] != f"auc_{TRUSTED}")
    table = table[~others]
    if table.empty:
        return None
    figure, axes = panels(table["setting"].nunique())
    for panel, (setting, mine) in zip(axes, table.groupby("setting", sort=False), strict=True):
        draw(panel, mine, bands=("mis_whitebox", "r_q_paper"))
        panel.set_title(str(setting))
    label(figure, axes, "runs", "Spearman with LiRA")
    return figure


def tradeoff_figure(numbers: Numbers) -> Figure | None:
    """Utility against MIS, a panel a data set: codebooks fitted to the weights."""
    table = tradeoff(numbers)
    table = table[table["scale"] == "data"]
    shown = [data for data in DATA if f"{data}_mis" in table]
    if not shown:
        return None
    figure, axes = panels(len(shown), share=False)
    for panel, data in zip(axes, shown, strict=True):
        metric = next(m for m in METRICS if f"{data}_{m}" in table)
        for number, row in enumerate(table.to_dict("records")):
            x, y = (half_widths(row, f"{data}_{key}") for key in ("mis", metric))
            panel.errorbar(
                x[0], y[0], xerr=x[1], yerr=y[1], fmt=MARKERS[number % len(MARKERS)],
                color=COLOURS[number % len(COLOURS)], lw=0.8, label=row["quantizer"],
            )  # fmt: skip
        panel.set_title(NAMES[data])
        panel.set_ylabel(METRICS[metric])
    label(figure, axes, f"MIS by {TRUSTED}", None)
    return figure


def validation_figure(numbers: Numbers) -> Figure | None:
    """Stability of the ranking by r_Q, and its agreement with MIS, against the share held out."""
    table = validation(numbers)
    if table.empty:
        return None
    figure, (panel,) = panels(1)
    x = table["share"].astype(float)
    line(panel, x, table, 0, "stability", key="stability")
    line(panel, x, table, 1, "Spearman with MIS")
    panel.set_xticks(x)
    label(figure, [panel], "share held out", "Spearman")
    return figure


def grid_figure(numbers: Numbers) -> Figure | None:
    """Spearman of r_Q with MIS against the checkpoint grid."""
    table = grid(numbers)
    columns = [c for c in map(str, table) if c.startswith("every_") and c[6:].isdigit()]
    every = np.array([int(column[6:]) for column in columns])
    shown = [data for data in DATA if len(_fitted(table, data))]
    if not shown:
        return None
    figure, (panel,) = panels(1)
    for number, data in enumerate(shown):
        row = _fitted(table, data).iloc[0]
        drawn = pd.DataFrame(
            {
                f"spearman{end}": [row[f"{column}{end}"] for column in columns]
                for end in ("", "_low", "_high")
            }
        )
        apart = every * 1.03 ** (number - len(shown) / 2)  # so that bars do not hide each other
        line(panel, apart, drawn, number, NAMES[data], interval="bars")
    counts(panel, list(every))
    label(figure, [panel], "checkpoints: one in", "Spearman of r$_Q$ with MIS")
    return figure


def regime_figure(numbers: Numbers) -> Figure | None:
    """Spearman of r_Q with MIS against the share of runs whose best checkpoint is the last."""
    return scattered(regime(numbers), "best_is_last", "best checkpoint is the last one, share")


def low_loss_figure(numbers: Numbers) -> Figure | None:
    """Spearman of r_Q with MIS against the share of runs that a low-loss checkpoint dominates."""
    table = low_loss(numbers).rename(columns=lambda name: str(name).replace("_paper", ""))
    label = "runs in which a low-loss checkpoint gives σ², share"
    return scattered(table, "low_loss_dominates", label)


def scale_figure(numbers: Numbers) -> Figure | None:
    """Spearman of r_Q with MIS: fixed codebooks against those fitted to the weights."""
    table = scale(numbers)
    if table.empty:
        return None
    table = table.rename(columns=lambda name: str(name).replace("spearman_unit", "spearman"))
    figure = scattered(table, "spearman_data", "codebooks fitted to the weights")
    (panel,) = figure.axes
    panel.plot([-1, 1], [-1, 1], color="0.6", lw=0.8, zorder=0)
    panel.set_ylabel("fixed codebooks")
    figure.suptitle("Spearman of r$_Q$ with MIS", fontsize=8)
    return figure


FIGURES: dict[str, Callable[[Numbers], Figure | None]] = {
    "ranking": ranking_figure,
    "runs": runs_figure,
    "needed": needed_figure,
    "tradeoff": tradeoff_figure,
    "gains": gains_figure,
    "validation": validation_figure,
    "grid": grid_figure,
    "regime": regime_figure,
    "low_loss": low_loss_figure,
    "scale": scale_figure,
}


def _fitted(table: pd.DataFrame, data: str) -> pd.DataFrame:
    """Rows of a data set with codebooks fitted to the weights; of the mixtures, the paper's."""
    mine = on_paper_mixture(table[table["study"] == data])
    fitted = [factors(each).get("quantization.scale") == "data" for each in mine["setting"]]
    return mine[np.array(fitted, bool)]
