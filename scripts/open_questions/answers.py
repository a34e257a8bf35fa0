"""Answers to what the paper leaves open, a row each, out of finished studies."""

from collections.abc import Iterator
from pathlib import Path

from quantmia.experiment import of_finished
from quantmia.progress import Progress
from quantmia.ranking.certificate import certificate, verdict
from quantmia.report.load import Report
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.statistics import Interval, exact_share
from quantmia.vocabulary import BEST, LAST
from scripts.answered import ALL, Answer
from scripts.compared import Fronts, Name, compare, difference, margins, share_of
from scripts.paper.ablations import low_loss, regime
from scripts.paper.numbers import collect
from scripts.paper.studies import read_settings

DATA = ("synthetic", "lipophilicity", "esol", "freesolv", "logbb", "bbb", "digits")
REGRESSION = ("lipophilicity", "esol", "freesolv", "logbb")
SCHEMES = ("sign", "ternary_50", "uniform_2_channel")
FULL, PRIVATE = "full_precision", "ternary_50"
KEPT = 0.95  # of full precision's utility, which is the target of a quantizer that looks at data
VIABLE = 0.9  # of full precision's utility
RANKS = 0.8  # Spearman
DOMINATES = ("low loss dominates", "high loss dominates", "which dominates is open")
RANKED = ("r_Q ranks", "r_Q does not rank", "whether r_Q ranks is open")
CONFIDENCE = 0.95


def answers(studies: Path, trajectories: list[Path]) -> list[Answer]:
    """All figures, from the folders of `make open-questions`.

    Args:
        studies: with a folder a data set.
        trajectories: sweeps over recipes.
    """
    rows: list[Answer] = []
    for data in DATA:
        rows += in_training(data, studies / data / "in_training")
        rows += calibration(data, studies / data / "calibration")
        rows += certified(data, studies / data / "released")
    rows += _together([row for row in rows if row.question == "certificate"])
    for folder in trajectories:
        rows += other_trainings(folder)
    return rows


def in_training(data: str, sweep: Path) -> Iterator[Answer]:
    """What quantizing in training, a look at data, and a structure change.

    Args:
        data: the data set.
        sweep: over `training.qat`, null among them.
    """
    plain = sweep / "training.qat=null"
    full = Fronts.read(plain, FULL)
    aware = {name: Fronts.read(sweep / f"training.qat={name}", name) for name in SCHEMES}
    for name, ours in aware.items():
        looking = f"{name}_calibrated"
        for other in (name, looking):
            yield from _over("qat", data, f"{name} in training", ours, other, plain)
        yield from _over("stopping", data, f"{name} in training", ours, FULL, plain)
        yield from _over("stopping", data, looking, Fronts.read(plain, looking), FULL, plain)
    for name in _names(plain):
        if name.startswith(SCHEMES):
            found = share_of(Fronts.read(plain, name), full, _at(LAST))
            if name in SCHEMES:  # which look at nothing, and stand there to be compared with
                said = ""
            else:
                said = "reaches" if found.low >= KEPT else "misses" if found.high < KEPT else "open"
            yield _row("kept", data, name, FULL, "share of the utility, last epoch", found, said)
    if data in REGRESSION:
        yield from _viable(data, plain, full, aware)
    for name in ("two_four", "inputs_50"):
        ours = Fronts.read(plain, name)
        yield from _over("structure", data, name, ours, "pruned_50", plain)


def calibration(data: str, sweep: Path) -> Iterator[Answer]:
    """What calibrating on members costs.

    Args:
        data: the data set.
        sweep: over `calibration.source`.
    """
    members, apart = (sweep / f"calibration.source={each}" for each in ("members", "apart"))
    for name in _names(members):
        if name == FULL:
            continue
        ours, theirs = Fronts.read(members, name), Fronts.read(apart, name)
        for what, called in (("advantage", "MIS"), ("utility", "utility")):
            found = difference(ours, theirs, _at(LAST), what)
            said = "costs" if found.high < 0 else "gains" if found.low > 0 else "not told apart"
            said = said if called == "MIS" else ""  # which is what is asked
            yield _row(
                "calibration", data, f"{name} on members", "on others", f"{called}, last epoch",
                found, said,
            )  # fmt: skip


def certified(data: str, folder: Path) -> Iterator[Answer]:
    """What bounds show of single models, and how often they exceed what others come to.

    Args:
        data: the data set.
        folder: of runs whose members were drawn by coins.
    """
    report = Report.read(folder)
    merged = merge([RunFolder(each) for each in report.folders])
    experiment = of_finished(merged, folder, Progress())
    ship = report.decision and report.decision.ship
    asked = {"what is shipped": (ship.quantizer, ship.checkpoint)} if ship else {}
    asked |= {"full precision, last epoch": (FULL, LAST)}
    for what, release in asked.items():
        found = certificate(merged, experiment, *release, run=0)
        level, counted = found.level, f"{found.level.exceeded} of {found.level.runs}"
        epsilon = Interval(found.epsilon, found.epsilon, float("nan"))
        yield _row("certificate", data, what, counted, "epsilon of one model at least", epsilon, "")
        yield _row(
            "certificate", data, what, counted, "share of bounds that exceed", level.share,
            level.verdict,
        )  # fmt: skip


def other_trainings(sweep: Path) -> Iterator[Answer]:
    """Whether low-loss checkpoints dominate, and r_Q ranks, when training is another.

    Args:
        sweep: over recipes.
    """
    numbers = collect(read_settings(sweep), [], [])
    shares, ranks = low_loss(numbers), regime(numbers)
    for table, column, called, least, words in (
        (shares, "low_loss_dominates", "runs that a low-loss checkpoint dominates", 0.5, DOMINATES),
        (ranks, "best_is_last", "runs whose best checkpoint is the last", None, None),
        (ranks, "spearman", "Spearman of r_Q with MIS", RANKS, RANKED),
    ):
        for row in table.to_dict("records"):
            found = Interval.of_cells(row, column)
            said = ""
            if least is not None and words:
                said = words[0 if found.low > least else 1 if found.high < least else 2]
            data, recipe = sweep.name, str(row["setting"]).removeprefix("recipe=")
            data = {"trajectories": "synthetic"}.get(data, data.removeprefix("trajectories_"))
            yield _row("trajectories", data, recipe, "", called, found, said)


def _over(
    question: str, data: str, what: str, ours: Fronts, other: str, folder: Path
) -> Iterator[Answer]:
    """One front against another quantizer's in the same folder, by three figures."""
    found = compare(ours, Fronts.read(folder, other))
    against = f"{other} afterwards" if question == "qat" else other
    for quantity, each, said in (
        ("surest gain of MIS at the same utility", found.gained, found.verdict),
        ("surest loss of MIS at the same utility", found.lost, ""),
        ("utility at the best checkpoint", found.utility, ""),
    ):
        yield _row(question, data, what, against, quantity, each, said)


def _viable(data: str, plain: Path, full: Fronts, aware: dict[str, Fronts]) -> Iterator[Answer]:
    """The release that comes nearest to being useful and private, of each way to make one."""
    useful = full, (FULL, BEST)
    private = Fronts.read(plain, PRIVATE), (PRIVATE, LAST)
    quantized = [name for name in _names(plain) if name.startswith(SCHEMES)]
    ways = {
        "stopped earlier, full precision": full,
        "quantized afterwards": Fronts.read(plain, *[n for n in quantized if n in SCHEMES]),
        "afterwards, looking at data": Fronts.read(
            plain, *[n for n in quantized if n not in SCHEMES]
        ),
        **{f"{name} in training": fronts for name, fronts in aware.items()},
    }
    for way, fronts in ways.items():
        each = margins(fronts, useful, VIABLE, private)
        # One that surely is both, or else the one whose smaller margin is the largest.
        (name, checkpoint), above, safer = max(
            each, key=lambda e: (min(e[1].low, e[2].low) >= 0, min(e[1].value, e[2].value))
        )
        sure, met = (min(end) >= 0 for end in ((above.low, safer.low), (above.value, safer.value)))
        said = "there is one" if sure else "in the estimate" if met else "none"
        against = f"{name} at {checkpoint}"
        yield _row("viable", data, way, against, "R² above 90 % of the best", above, said)
        yield _row("viable", data, way, against, "MIS above ternary_50's", safer, "")


def _together(rows: list[Answer]) -> Iterator[Answer]:
    """Bounds that exceed, of all data sets."""
    for what in dict.fromkeys(row.what for row in rows):
        counts = [row.against.split(" of ") for row in rows if row.what == what and row.verdict]
        exceeded, runs = (sum(int(each[at]) for each in counts) for at in (0, 1))
        share = exact_share(exceeded, runs, CONFIDENCE)
        yield _row(
            "certificate", ALL, what, f"{exceeded} of {runs}", "share of bounds that exceed",
            share, verdict(share, 1 - CONFIDENCE),
        )  # fmt: skip


def _at(checkpoint: str):
    def release(fronts: Fronts) -> Name:
        return fronts.quantizers[0], checkpoint

    return release


def _names(folder: Path) -> list[str]:
    return list(RunFolder(folder).manifest()["config"]["quantizer"])


def _row(
    question: str, data: str, what: str, against: str, quantity: str, found: Interval, said: str
) -> Answer:
    return Answer(question, data, what, against, quantity, found.value, found.low, found.high, said)
