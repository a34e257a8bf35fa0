"""The page of answers: a verdict a question, every figure, what stays open. Written by no hand."""

from dataclasses import dataclass

import pandas as pd

from quantmia.report.numbers import with_interval
from quantmia.report.tables import markdown
from scripts.open_questions.answers import ALL, DOMINATES, RANKED

KEYS = ["data", "what", "against"]
UNDECIDED = ("open", "not told apart", "in the estimate", DOMINATES[2], RANKED[2])


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        key: of its rows.
        title: the question.
        asked: how it was measured.
        limits: what the measurement cannot say.
        study: by which command of `quantmia run` it was made, of a data set.
    """

    key: str
    title: str
    asked: str
    limits: str
    study: str


FRONTS = (
    "Releases are all checkpoints of `release.checkpoints=auto`. A front is better somewhere if "
    "one of its releases has surely more MIS than the other front at the same utility, or is "
    "surely more useful at its best checkpoint; `dominates` is surely better somewhere and shown "
    "worse nowhere."
)
QUESTIONS = (
    Question(
        "qat",
        "Does training with the quantizer in the loop dominate quantizing afterwards?",
        f"Straight-through training against the same codebook after training, without and with a "
        f"look at data (`_calibrated`). {FRONTS}",
        "One architecture a data set, and no learned scale.",
        "-m +study=in_training",
    ),
    Question(
        "stopping",
        "Does it dominate stopping earlier in full precision?",
        f"The same fronts, and those of quantizers that look at data, against full precision. "
        f"{FRONTS}",
        "A model that has to be small cannot stop in full precision instead.",
        "-m +study=in_training",
    ),
    Question(
        "kept",
        "How much of full precision's utility does a quantizer keep that looks at data?",
        "After the last epoch, on 512 members at most; the target is 95 %.",
        "Accuracy of a classification is far from 0 without any model; of a regression R² is not.",
        "-m +study=in_training",
    ),
    Question(
        "viable",
        "Is there a viable scheme for regression?",
        "R² within 10 % of full precision at its best checkpoint, and MIS not below that of plain "
        "ternary 50 % after the last epoch: of each way, the release whose smaller margin is the "
        "largest. `there is one` if both margins are surely above 0, all releases of a way "
        "together.",
        "MIS is an upper bound by the attacks that were tried.",
        "-m +study=in_training",
    ),
    Question(
        "structure",
        "Does the structure of sparsity matter?",
        f"Half of the weights zero, two of every four (`two_four`) or whole inputs of a layer "
        f"(`inputs_50`), against the smallest ones (`pruned_50`). {FRONTS}",
        "Pruned after training, without training further.",
        "-m +study=in_training",
    ),
    Question(
        "calibration",
        "Does calibrating on members cost privacy?",
        "128 rows: members of the run, or samples that no run was trained on, the same in all "
        "runs; the same members, runs and pool in both.",
        "Of members. What calibration gives away about its own rows is another question.",
        "-m +study=calibration",
    ),
    Question(
        "trajectories",
        "Does the low-loss assumption hold, and does r_Q rank, when training is another?",
        "Of 20 runs, five times: the share of runs in which a checkpoint of the lower half by loss "
        "gives sigma², that in which the best checkpoint is the last (where r_Q means little), and "
        "the rank correlation of r_Q with MIS (above 0.8 it ranks). Intervals are over the five "
        "repetitions.",
        "Two data sets.",
        "-m +experiment=paper/trajectories",
    ),
    Question(
        "certificate",
        "Can one released model be certified, and does the level of its bound hold?",
        "Members by coins, 40 runs; epsilon of run 0. Every other run is taken as the released "
        "model in turn: 5 % of the bounds may exceed what the guesses about all others come to, "
        "which is less than the epsilon of the training. Intervals are as of independent runs.",
        "The bounds are from below, by one attack.",
        "+study=released",
    ),
)


def page(table: pd.DataFrame) -> str:
    """All questions as Markdown that there are figures for.

    Args:
        table: of `answers`.
    """
    asked = [each for each in QUESTIONS if len(_of(table, each))]
    head = [
        "# What the paper leaves open, answered\n",
        "Written by `make open-questions` out of `open_questions.csv`; do not edit. Intervals are "
        "95 %. Of two sides they are paired over runs: both are of the same members, runs and "
        "resamples. They are not corrected for the number of data sets.\n",
        markdown(
            pd.DataFrame(
                [{"question": each.title, "answer": _answer(_of(table, each))} for each in asked]
            )
        ),
    ]
    return "\n".join([*head, *(_section(each, _of(table, each)) for each in asked)])


def _of(table: pd.DataFrame, question: Question) -> pd.DataFrame:
    return table[table["question"] == question.key]


def _answer(rows: pd.DataFrame) -> str:
    """Verdicts with their counts, the most frequent first; of all data together where it is so."""
    together = rows["data"].eq(ALL)
    rows = rows[together] if together.any() else rows
    counts = rows.loc[rows["verdict"].ne(""), "verdict"].value_counts()
    return ", ".join(f"{verdict} {count}" for verdict, count in counts.items())


def _section(question: Question, rows: pd.DataFrame) -> str:
    decided = rows[rows["verdict"] != ""]
    by = decided.groupby(["what", "against"] if question.key == "qat" else ["what"], sort=False)
    counts = pd.DataFrame(
        [{"": " against ".join(map(str, name)), "verdicts": _answer(mine)} for name, mine in by]
    )
    undecided = decided[decided["verdict"].isin([*UNDECIDED])]
    names = dict.fromkeys(undecided["data"])
    undecided_said = (
        f"{len(undecided)} of {len(decided)} are not decided by so many runs ({', '.join(names)}). "
        if len(undecided)
        else ""
    )
    return "\n".join(
        [
            f"## {question.title}\n",
            f"{question.asked}\n",
            markdown(counts) if question.key != "trajectories" else "",
            markdown(_wide(rows)),
            f"Remains open: {undecided_said}{question.limits}\n",
            f"`quantmia run {question.study}`"
            + ("" if "experiment" in question.study else " with `+experiment=` each data set")
            + f"; rows `{question.key}` of `open_questions.csv`.\n",
        ]
    )


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a comparison, a column a quantity."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows.to_dict("records"):
        key = tuple(str(row[each]) for each in KEYS)
        cells = found.setdefault(key, dict(zip(KEYS, key, strict=True)))
        cells[row["quantity"]] = with_interval(row["value"], row["low"], row["high"])
        if row["verdict"]:
            cells["verdict"] = (
                f"{cells['verdict']}; {row['verdict']}" if "verdict" in cells else (row["verdict"])
            )
    table = pd.DataFrame(found.values()).fillna("")
    table = table[sorted(table, key=lambda column: column == "verdict")]  # which comes last
    return table.loc[:, (table != "").any()]
