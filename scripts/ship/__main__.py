"""What quantized models give away when they are shipped.

python -m scripts.ship write RESULTS STUDIES                   out of finished studies
python -m scripts.ship check RESULTS                           whether the page is of its numbers
"""

import sys

from scripts.answered import commanded
from scripts.ship.answers import answers
from scripts.ship.page import PAGE


def main(arguments: list[str]) -> int:
    """Do what is asked, print what there is to say, and return the exit code."""
    return commanded(PAGE, lambda folders: answers(folders[0]), arguments, str(__doc__))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
