"""Pages that are generated say all there is to say."""

from collections import Counter
from dataclasses import dataclass

import pytest

from quantmia.cli.__main__ import COMMANDS
from quantmia.cli.choices import GROUPS, choices
from quantmia.cli.overrides import composed
from quantmia.cli.resolvers import prepare
from quantmia.config.schema import ExperimentConfig, dotted
from scripts.docs import choices as choices_page
from scripts.docs import commands, configuration
from scripts.docs.docstrings import meanings, summary
from scripts.docs.markdown import table


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """Cells of the configuration's page by the key."""
    lines = [each for each in configuration.page().splitlines() if each.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {key.strip("`"): rest for key, *rest in cells}


def test_every_key_of_the_schema_is_there_once(rows):
    assert list(Counter(rows)) == list(rows)
    assert set(rows) == set(dotted(ExperimentConfig))
    for key, (may_be, _, meaning, costs) in rows.items():
        assert may_be, key
        assert len(meaning) > 1, key
        assert costs in configuration.COSTS.values(), key


def test_a_default_is_what_a_command_without_overrides_has(rows):
    prepare()
    config = composed([])
    assert rows["training.dp.max_grad_norm"][1] == f"`{config.training.dp.max_grad_norm}`"
    assert rows["indicator.grids"][1] == "`[1,2,5,10]`"
    assert rows["training.sam"][1] == "`null`"
    assert rows["split.standardise"][:2] == ["true or false, or winsorise", "`winsorise`"]
    chosen = rows["quantizer"][1].strip("`[]").split(",")
    assert chosen == list(config.quantizer)


def test_a_key_says_what_it_costs_to_change_it(rows):
    assert rows["seed"][-1] == rows["training.lr"][-1] == "training"
    assert rows["quantization.per"][-1] == "measuring"
    assert rows["release.mis"][-1] == "tables"  # though its section asks for measuring
    assert rows["report.page"][-1] == "nothing"


def test_a_key_without_a_meaning_is_refused():
    @dataclass
    class Undocumented:
        """Says nothing of its key."""

        key: int = 0

    with pytest.raises(KeyError, match="key"):
        configuration._table(Undocumented, Undocumented(), configuration.roles(ExperimentConfig))


def test_every_choice_and_every_argument_is_there():
    page = choices_page.page()
    for group, many in GROUPS.items():
        part = page.partition(f"## {many}\n")[2].partition("\n## ")[0]
        for name, explanation in choices(group):
            assert f"| `{name}` | {explanation.replace('|', chr(92) + '|')} |" in part
    assert "| `smiles` | a text" in page
    assert "| `strength` | a number | `2.0` | lambda" in page  # of lira_shrunk
    assert "array_parallelism: 100" in page


def test_every_command_says_what_it_takes():
    page = commands.page()
    for command in COMMANDS:
        assert f"\n## {command}\n" in page
    for said in ("--advantage LIMIT", "--expose-samples", "`--multirun`, `-m`", "--held-out FILE"):
        assert said in page
    assert "/" + "tmp" not in page
    with pytest.raises(RuntimeError, match="quantmia nothing --help: exit code 2"):
        commands.said_by("nothing")


def test_docstrings_are_read_with_those_of_their_bases():
    class Base:
        """One.

        Args:
            first: begins here,
                and goes on.
            second: of the base.
        """

    class Derived(Base):
        """Two
        lines.

        Args:
            second: of its own.

        Raises:
            third: is no argument.
        """

    said = {"first": "begins here, and goes on.", "second": "of its own."}
    assert meanings(Derived) == said
    assert summary(Derived) == "Two lines."


def test_what_would_end_a_cell_does_not():
    assert table(("a", "b"), [("x|y", "two\nlines")]) == (
        "| a | b |\n| --- | --- |\n| x\\|y | two lines |\n"
    )
