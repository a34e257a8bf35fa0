import pytest

from tests.docs.blocks import blocks, words
from tests.docs.printed import difference

PAGE = """\
`my/mine.py`:

```python
print(1)
```

<!-- numbers near: another processor rounds differently -->
```console
$ first one \\
    two
1 2
$ second
```

```bash
third \\
  four
fifth
```

<!-- not run: it needs a cluster -->
```bash
sixth
```
"""


def test_blocks_are_what_a_reader_types():
    file, console, plain, left = blocks(PAGE)
    assert (file.name, file.text) == ("my/mine.py", "print(1)\n")
    assert console.how == "numbers near"
    typed = [(" ".join(command.split()), shown) for command, shown in console.commands()]
    assert typed == [("first one two", "1 2\n"), ("second", "")]
    assert [command.split() for command, _ in plain.commands()] == [["third", "four"], ["fifth"]]
    assert (left.how, left.why, plain.name) == ("not run", "it needs a cluster", "")


def test_a_shell_is_used_where_one_is_needed():
    assert words("quantmia run 'quantizer=[a,b]'  # all") == ["run", "quantizer=[a,b]"]
    assert words('quantmia gate x; echo "$?"') is None
    assert words("python mine.py") is None


@pytest.mark.parametrize(
    ("shown", "printed", "how"),
    [
        ("a b\nc", "a\nb c  \n", ""),
        ("...\nc d\n...\nf", "a b c d e f", ""),
        ("Ship ...\nend", "Ship x after 3\nend", ""),
        ("a 0.50 [0.4, 0.6]", "a 0.52 [0.41, 0.61]", "numbers near"),
        ("about 300 runs", "about 310 runs", "numbers near"),
        ("hash " + "a" * 64, "hash " + "0" * 64, "numbers free"),
        ("MIS\n 1.00│ a\n  │x│ 1│", "MIS\n 1.00│   b\n  │x│ 1│", "numbers near"),
    ],
)
def test_what_is_shown_was_printed(shown, printed, how):
    assert difference(shown, printed, how) == ""


@pytest.mark.parametrize(
    ("shown", "printed", "how"),
    [
        ("a b", "a c", ""),
        ("a", "a b", ""),
        ("a b", "a", ""),
        ("...\nc d", "a c b d", ""),
        ("0.50", "0.52", ""),
        ("0.50", "0.62", "numbers near"),
        ("sign 0.50", "uniform 0.50", "numbers near"),
        ("│x│ 1│", "│y│ 1│", "numbers near"),
        ("3 runs", "3 trainings", "numbers free"),
    ],
)
def test_what_was_not_printed_is_told(shown, printed, how):
    assert difference(shown, printed, how) != ""
