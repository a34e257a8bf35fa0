"""Answers to what the paper leaves open.

python -m scripts.open_questions write RESULTS STUDIES TRAJECTORIES...    out of finished studies
python -m scripts.open_questions check RESULTS                 whether the page is of its numbers
"""

import sys
from pathlib import Path

from scripts.answered import commanded
from scripts.open_questions.answers import answers
from scripts.open_questions.page import PAGE


def main(arguments: list[str]) -> int:
    """Do what is asked, print what there is to say, and return the exit code."""

    def made(folders: list[Path]) -> list:
        return answers(folders[0], folders[1:])

    return commanded(PAGE, made, arguments, str(__doc__), least=2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
