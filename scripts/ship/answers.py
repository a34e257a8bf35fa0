"""What calibrations give away, what makes it fade, and what noise in place of rows costs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from quantmia.attacks.calibration import OUTPUTS, WEIGHTS
from quantmia.report.load import Report
from quantmia.seeding import Purpose, stream
from quantmia.statistics import Bootstrap, Interval
from quantmia.vocabulary import LAST
from scripts.answered import Answer
from scripts.compared import Fronts, difference

DATA = ("synthetic", "lipophilicity", "bbb", "digits")
USUAL = 128  # rows, at which schemes are compared
GROUP = "calibration.rows="
FULL = "full_precision"
GUESSING, MUCH = 0.5, 0.9  # AUC
BY = {"weights": WEIGHTS.name, "outputs": OUTPUTS.name}
RESAMPLES = 1000
# What only rounds weights, and what is compared with it.
SAME_BITS = {
    "int8": (
        "w8a8_dynamic",
        "w8a8_static",
        "onnx_int8_dynamic",
        "onnx_int8_static",
        "openvino_int8",
        "torchao_int8_dynamic",
        "torchao_int8_static",
        "bnb_int8",
        "gguf_q8_0",
    ),
    "int4_channel": (
        "w4a8_dynamic",
        "openvino_int4",
        "openvino_int4_awq",
        "openvino_int4_gptq",
        "bnb_nf4",
        "gguf_q4_0",
    ),
}


def answers(studies: Path) -> list[Answer]:
    """All figures, from the folders of `make ship`.

    Args:
        studies: with a folder a data set.
    """
    rows: list[Answer] = []
    for data in DATA:
        sweep, noise = studies / data / "rows", Report.read(studies / data / "noise")
        by_rows = {
            int(path.name.removeprefix(GROUP)): Report.read(path)
            for path in sweep.glob(f"{GROUP}*")
        }
        shown = dict(sorted(by_rows.items()))
        rows += given_away(data, Report.read(sweep / f"{GROUP}{USUAL}"), noise)
        rows += fading(data, shown)
        rows += instead(data, shown, noise)
        rows += runtimes(data, studies / data / "runtimes")
    return rows


def given_away(data: str, usual: Report, noise: Report) -> Iterator[Answer]:
    """How well the rows of every quantizer are told from others, and of those that saw none.

    Args:
        data: the data set.
        usual: of the usual number of rows.
        noise: of the same quantizers, calibrated on noise.
    """
    for report in (usual, noise):
        table = report.tables["calibration"]
        for (name, shown), mine in table.groupby(["quantizer", "shown"], sort=False):
            if report is noise and shown != "noise":
                continue
            told = float(mine["auc_at_least"].max()) > GUESSING
            of_rows = f"{USUAL} rows" if shown == "apart" else str(shown)
            for by, attack in BY.items():
                (row,) = mine[mine["attack"] == attack].to_dict("records")
                said = "gives them away" if told else "gives nothing away"
                found = Interval.of_cells(row, "auc")
                yield _row(
                    "who", data, name, of_rows, f"AUC by {by}", found, said * (by == "weights")
                )
            (row,) = mine[mine["attack"] == WEIGHTS.name].to_dict("records")
            surely = Interval.of_cells(row, "tpr_at_fpr_0.01")
            yield _row("who", data, name, of_rows, "found at 1 % FPR", surely)


def fading(data: str, by_rows: dict[int, Report]) -> Iterator[Answer]:
    """How the number of rows decides, for quantizers that look at data.

    Args:
        data: the data set.
        by_rows: a ranking by the number of rows.
    """
    tables = {rows: report.tables["calibration"] for rows, report in by_rows.items()}
    first = next(iter(tables.values()))
    for name in dict.fromkeys(first.loc[first["shown"] == "apart", "quantizer"]):
        for by, attack in BY.items():
            found = {
                rows: Interval.of_cells(
                    table[(table["quantizer"] == name) & (table["attack"] == attack)]
                    .iloc[0]
                    .to_dict(),
                    "auc",
                )
                for rows, table in tables.items()
            }
            few = next((rows for rows, each in found.items() if each.high < MUCH), None)
            said = f"below {MUCH} from {few} rows" if few else f"not below {MUCH}"
            for rows, each in found.items():
                last = rows == max(found)
                yield _row(
                    "fade", data, name, f"by {by}", f"{rows} rows", each, said if last else ""
                )


def instead(data: str, by_rows: dict[int, Report], noise: Report) -> Iterator[Answer]:
    """What utility is given up by calibrating on noise, paired over runs.

    Args:
        data: the data set.
        by_rows: a ranking by the number of rows.
        noise: of the same runs, calibrated on noise.
    """
    table = noise.tables["calibration"]
    metric = noise.ranking["utility_metric"].iloc[0]
    most = max(by_rows)
    full = float(_of_runs(noise, FULL, metric).mean())
    for name in dict.fromkeys(table.loc[table["shown"] == "noise", "quantizer"]):
        ours = _of_runs(noise, name, metric)
        for rows in (USUAL, most):
            theirs = _of_runs(by_rows[rows], name, metric)
            found = _mean((ours - theirs) / full)
            said = "costs" if found.high < 0 else "gains" if found.low > 0 else "not told apart"
            yield _row(
                "noise", data, name, f"{rows} rows",
                "difference, share of full precision's utility", found, said,
            )  # fmt: skip
        yield _row("noise", data, name, "", "share kept with noise", _mean(ours / full))


def runtimes(data: str, folder: Path) -> Iterator[Answer]:
    """What runtimes and rounded activations change against weights rounded to as many bits.

    Args:
        data: the data set.
        folder: of the study.
    """
    table = Report.read(folder).tables["calibration"]
    for plain, others in SAME_BITS.items():
        theirs = Fronts.read(folder, plain)
        for name in others:
            ours = Fronts.read(folder, name)
            for what, called in (("advantage", "MIS"), ("utility", "utility")):
                found = difference(ours, theirs, lambda each: (each.quantizers[0], LAST), what)
                changed = "raises MIS" if found.low > 0 else "lowers MIS"
                said = changed if found.low > 0 or found.high < 0 else "not told apart"
                yield _row(
                    "runtimes", data, name, plain, f"{called}, less that of {plain}", found,
                    said if called == "MIS" else "",
                )  # fmt: skip
            for by, attack in BY.items():
                mine = table[(table["quantizer"] == name) & (table["attack"] == attack)]
                if (mine["shown"] == "apart").all():
                    (row,) = mine.to_dict("records")
                    found = Interval.of_cells(row, "auc")
                    yield _row("runtimes", data, name, plain, f"AUC of rows by {by}", found)


def _of_runs(report: Report, name: str, metric: str) -> np.ndarray:
    """Utility of every run."""
    table = report.utility
    mine = table[(table["quantizer"] == name) & (table["metric"] == metric)]
    return mine.sort_values("run")["value"].to_numpy(float)


def _mean(values: np.ndarray) -> Interval:
    """A mean over the runs."""
    bootstrap = Bootstrap(len(values), RESAMPLES, 0.95, stream(0, Purpose.BOOTSTRAP))
    return bootstrap.interval(float(values.mean()), bootstrap.means(values))


def _row(
    question: str,
    data: str,
    what: object,
    against: str,
    quantity: str,
    found: Interval,
    verdict: str = "",
) -> Answer:
    ends = found.value, found.low, found.high
    return Answer(question, data, str(what), against, quantity, *ends, verdict)
