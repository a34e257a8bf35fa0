import pytest

from quantmia.config.released import released
from tests.configurations import configured


@pytest.mark.parametrize(
    ("chosen", "epochs", "expected"),
    [
        ("auto", range(1, 61), "best 1 2 3 6 10 19 33 last"),
        ("auto", range(1, 101), "best 1 2 4 7 14 27 52 last"),
        ("auto", range(10, 50, 10), "best 10 20 30 last"),
        ("auto", [7], "best last"),
        ("last", range(1, 5), "last"),
        ("best", range(1, 5), "best last"),
        ("[last]", range(1, 5), "last"),
        ("[3,best,2,3]", range(1, 5), "best 2 3 last"),
        ("[4]", range(1, 5), "last"),  # which is the fourth
    ],
)
def test_which_checkpoints_are_released(chosen, epochs, expected):
    epochs = list(epochs)
    found = released(configured(f"release.checkpoints={chosen}").release.checkpoints, epochs)
    assert " ".join(found) == expected
    assert found.pop("last") == epochs[-1]
    assert found.pop("best", None) is None
    assert all(str(epoch) == name and epoch in epochs for name, epoch in found.items())
