"""What is said to who calls without knowing what to type."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from quantmia.cli.choices import choices
from quantmia.errors import as_override

FIRST = """\
quantmia: what should I ship, and what does it leak about who was in the training set?

  quantmia run                         a first ranking, of made-up data, in half a minute
  quantmia run dataset=csv dataset.path=FILE dataset.target=COLUMN        of a table of yours
  quantmia run +experiment=logbb       of molecules: pip install 'quantmia[molecules]'
  quantmia report DIR                  a page of a ranking: pip install 'quantmia[report]'

  quantmia list                        data, quantizers, models and attacks to choose from
  quantmia --help                      all commands
"""
HELP = """\
quantmia: what should I ship, and what does it leak about who was in the training set?

  quantmia run [OVERRIDE...]            train, quantize, measure and rank
  quantmia run -m seed=0,1 [OVERRIDE...] a sweep, ranked at its end; hydra/launcher=slurm, local
  quantmia rank DIR... [--output DIR]   rank finished runs again, without training
  quantmia report DIR...                a page of a ranking, or one that compares several
  quantmia front DIR...                 releases of several folders or of a sweep on one front
  quantmia status DIR                   how the jobs of a sweep stand, what a recording lacks
  quantmia efficiency DIR...            how many runs each estimator needs, from many runs
  quantmia list [GROUP]                 what there is to choose from, your own included
  quantmia check quantizer=NAME         whether a quantizer obeys what the method needs

  quantmia gate DIR --advantage 0.1     for scripts: exit code 0 below the limit, 3 above, 4 unclear
  quantmia certificate DIR              what one released model gives away about its own members
  quantmia export DIR                   the audited model as a file, with its hash and its figures
  quantmia plan -o DIR --samples N      who trains on what, for trainings of your own
  quantmia import FILE -o DIR           what models of others answered, made a folder to rank

  quantmia run --help                   every key and choice
  quantmia run --cfg job                the configuration that would be run
  quantmia --version

  eval "$(quantmia -sc install=bash)"   completion for bash; zsh alike
  quantmia -sc install=fish | source    completion for fish
"""
OF_RUN = ("-m", "--multirun", "--cfg")  # flags that were meant for `run`


def meant(word: str, commands: Iterable[str]) -> str:
    """What somebody may have meant who typed a word in place of a command.

    Args:
        word: typed.
        commands: that there are.
    """
    if "=" in word or word in OF_RUN:
        return f"did you mean 'quantmia run {word}'?"
    if experiment := an_experiment(word):
        return f"did you mean 'quantmia run {experiment}'?"
    if table := a_table(word):
        return f"for a file of yours: quantmia run {table}"
    known = [*commands, "--help", "--version"]
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean 'quantmia {near[0]}'?" if near else f"there are {', '.join(known)}"


def an_experiment(word: str) -> str | None:
    """The override that was meant by the name of an experiment; None if it is none.

    Args:
        word: typed where an override belongs.
    """
    return f"+experiment={word}" if word in dict(choices("experiment")) else None


def a_table(word: str) -> str | None:
    """The overrides that read a file that was named in place of one; None if it is none.

    Args:
        word: typed where an override belongs.
    """
    if not (Path(word).suffix or Path(word).exists()):
        return None
    return f"dataset=csv {as_override('dataset.path', word)} dataset.target=COLUMN"
