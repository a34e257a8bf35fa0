import pytest

from quantmia.cli.arguments import Parser
from quantmia.errors import QuantmiaError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--outptu", "a"], "mine: unrecognized arguments: --outptu a; did you mean --output?"),
        (["--qqqq=3"], "mine: unrecognized arguments: --qqqq=3; see mine --help"),
        (["--number", "x"], "mine: argument --number: invalid int value: 'x'; see mine --help"),
    ],
)
def test_what_is_wrong_is_raised_and_not_printed(given, said, capsys):
    parser = Parser("mine")
    parser.add_argument("--output")
    parser.add_argument("--number", type=int)
    with pytest.raises(QuantmiaError) as refused:
        parser.parse_args(given)
    assert str(refused.value) == said
    assert capsys.readouterr() == ("", "")
