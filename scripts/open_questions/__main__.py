"""Answers to what the paper leaves open.

python -m scripts.open_questions write RESULTS STUDIES TRAJECTORIES...    out of finished studies
python -m scripts.open_questions check RESULTS                 whether the page is of its numbers
"""

import sys
from pathlib import Path

import pandas as pd

from quantmia.errors import QuantmiaError
from quantmia.files import write_text
from scripts.open_questions.answers import answers
from scripts.open_questions.page import page

TABLE, PAGE = "open_questions.csv", "open_questions.md"


def write(results: Path, studies: Path, trajectories: list[Path]) -> None:
    """Write the numbers, and the page.

    Args:
        results: where to.
        studies: with a folder a data set.
        trajectories: sweeps over recipes.

    Raises:
        FolderError: a study is not finished.
    """
    table = answers(studies, trajectories)
    results.mkdir(parents=True, exist_ok=True)
    write_text(results / TABLE, table.to_csv(index=False, float_format="%.6g"))
    write_text(results / PAGE, page(read(results)))
    print(f"{len(table)} figures in {results / TABLE}, the answers in {results / PAGE}")


def check(results: Path) -> list[str]:
    """What is wrong with the page, a line each.

    Args:
        results: the folder.
    """
    absent = [name for name in (TABLE, PAGE) if not (results / name).exists()]
    if absent:
        return [f"{results}: {', '.join(absent)} missing; 'make open-questions' writes it."]
    if (results / PAGE).read_text(encoding="utf-8") != page(read(results)):
        return [f"{PAGE}: the code makes another one; 'make open-questions' writes it anew."]
    print(f"{results / PAGE} is what its numbers and the code make.")
    return []


def read(results: Path) -> pd.DataFrame:
    """The numbers.

    Args:
        results: the folder.
    """
    table = pd.read_csv(results / TABLE)
    words = ["question", "data", "what", "against", "quantity", "verdict"]
    return table.astype(dict.fromkeys(words, object)).fillna(dict.fromkeys(words, ""))


def main(arguments: list[str]) -> int:
    """Do what is asked, print what there is to say, and return the exit code."""
    paths = [Path(each) for each in arguments[1:]]
    try:
        if arguments[:1] == ["write"] and len(paths) > 2:
            write(paths[0], paths[1], paths[2:])
            return 0
        if arguments[:1] == ["check"] and len(paths) == 1:
            faults = check(paths[0])
            print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
            return 1 if faults else 0
    except QuantmiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
