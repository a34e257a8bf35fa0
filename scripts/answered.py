"""Answers of studies: a table of figures, and the page that code makes of it."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.files import write_text
from quantmia.report.numbers import with_interval
from quantmia.report.tables import markdown

ALL = "all"  # data sets together
KEYS = ["data", "what", "against"]
WORDS = ["question", *KEYS, "quantity", "verdict"]


@dataclass(frozen=True)
class Answer:
    """One figure that bears on a question.

    Args:
        question: its key.
        data: the data set.
        what: is measured.
        against: what it is compared with.
        quantity: what the figure is.
        value: the estimate.
        low: end of its interval.
        high: the other end.
        verdict: in words; empty of a figure that decides nothing by itself.
    """

    question: str
    data: str
    what: str
    against: str
    quantity: str
    value: float
    low: float
    high: float
    verdict: str = ""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        key: of its rows.
        title: the question.
        asked: how it was measured.
        limits: what the measurement cannot say.
        study: by which command of `quantmia run` it was made, of a data set.
        counted_by: columns by whose values verdicts are counted; none: they are not.
    """

    key: str
    title: str
    asked: str
    limits: str
    study: str
    counted_by: Sequence[str] = ("what",)


@dataclass(frozen=True)
class Answered:
    """A page and the table that it is made of, `NAME.md` and `NAME.csv` in a folder of results.

    Args:
        name: of both files.
        title: of the page.
        target: of make, which writes both.
        about: what holds for all figures.
        questions: in their order.
        undecided: verdicts that leave a comparison open.
    """

    name: str
    title: str
    target: str
    about: str
    questions: Sequence[Question]
    undecided: Sequence[str]

    def write(self, results: Path, rows: Sequence[Answer]) -> None:
        """Write the numbers, and the page.

        Args:
            results: where to.
            rows: all figures.
        """
        results.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame([vars(row) for row in rows])
        path = results / f"{self.name}.csv"
        write_text(path, table.to_csv(index=False, float_format="%.6g"))
        write_text(results / f"{self.name}.md", self.page(self.read(results)))
        print(f"{len(table)} figures in {path}, the answers in {path.with_suffix('.md')}")

    def check(self, results: Path) -> list[str]:
        """What is wrong with the page, a line each.

        Args:
            results: the folder.
        """
        files = [f"{self.name}{ending}" for ending in (".csv", ".md")]
        absent = [name for name in files if not (results / name).exists()]
        if absent:
            return [f"{results}: {', '.join(absent)} missing; 'make {self.target}' writes it."]
        page = results / files[1]
        if page.read_text(encoding="utf-8") != self.page(self.read(results)):
            return [f"{files[1]}: the code makes another one; 'make {self.target}' writes it anew."]
        print(f"{page} is what its numbers and the code make.")
        return []

    def read(self, results: Path) -> pd.DataFrame:
        """The numbers.

        Args:
            results: the folder.
        """
        table = pd.read_csv(results / f"{self.name}.csv")
        return table.astype(dict.fromkeys(WORDS, object)).fillna(dict.fromkeys(WORDS, ""))

    def page(self, table: pd.DataFrame) -> str:
        """All questions as Markdown that there are figures for.

        Args:
            table: of answers.
        """
        found = [(each, table[table["question"] == each.key]) for each in self.questions]
        asked = [(each, rows) for each, rows in found if len(rows)]
        answers = [{"question": each.title, "answer": _answer(rows)} for each, rows in asked]
        head = [
            f"# {self.title}\n",
            f"Written by `make {self.target}` out of `{self.name}.csv`; do not edit. "
            f"{self.about}\n",
            markdown(pd.DataFrame(answers)),
        ]
        return "\n".join([*head, *(self._section(*each) for each in asked)])

    def _section(self, question: Question, rows: pd.DataFrame) -> str:
        decided = rows[rows["verdict"] != ""]
        counts = ""
        if question.counted_by and len(decided):
            by = decided.groupby(list(question.counted_by), sort=False)
            counted = [
                {"": " against ".join(map(str, name)), "verdicts": _answer(mine)}
                for name, mine in by
            ]
            counts = markdown(pd.DataFrame(counted))
        undecided = decided[decided["verdict"].isin([*self.undecided])]
        said = ""
        if len(undecided):
            names = ", ".join(dict.fromkeys(undecided["data"]))
            said = f"{len(undecided)} of {len(decided)} are not decided by so many runs ({names}). "
        whole = "experiment" in question.study
        return "\n".join(
            [
                f"## {question.title}\n",
                f"{question.asked}\n",
                counts,
                markdown(_wide(rows)),
                f"Remains open: {said}{question.limits}\n",
                f"`quantmia run {question.study}`"
                + ("" if whole else " with `+experiment=` each data set")
                + f"; rows `{question.key}` of `{self.name}.csv`.\n",
            ]
        )


def commanded(
    page: Answered,
    made: Callable[[list[Path]], Sequence[Answer]],
    arguments: list[str],
    usage: str,
    least: int = 1,
) -> int:
    """Write or check a page, print what there is to say, and return the exit code.

    Args:
        page: which.
        made: the figures, out of folders of finished studies.
        arguments: `write RESULTS FOLDER...` or `check RESULTS`.
        usage: printed where they are others.
        least: folders that there have to be.
    """
    paths = [Path(each) for each in arguments[1:]]
    try:
        if arguments[:1] == ["write"] and len(paths) > least:
            page.write(paths[0], made(paths[1:]))
            return 0
        if arguments[:1] == ["check"] and len(paths) == 1:
            faults = page.check(paths[0])
            print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
            return 1 if faults else 0
    except QuantmiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(usage, file=sys.stderr)
    return 2


def _answer(rows: pd.DataFrame) -> str:
    """Verdicts with their counts, the most frequent first; of all data together where it is so."""
    together = rows["data"].eq(ALL)
    rows = rows[together] if together.any() else rows
    counts = rows.loc[rows["verdict"].ne(""), "verdict"].value_counts()
    return ", ".join(f"{verdict} {count}" for verdict, count in counts.items())


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
