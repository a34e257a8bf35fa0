import pytest

from scripts.kept_samples import compare
from tests.tiny import run


def test_more_samples_come_nearer_to_all(tmp_path):
    run(tmp_path / "whole", "dataset.size=2000", "attack=[loss_threshold]")
    table = compare(tmp_path / "whole", (100, 400, 799, 800), draws=4).set_index("samples")
    assert list(table.index) == [100, 400, 799]
    assert table["error"].is_monotonic_decreasing
    last = table.loc[799].to_dict()
    assert last["error"] < 0.01
    assert last["spearman"] == pytest.approx(1)
    assert last["same_top"] == 1
    assert (table["error"] < table["between_halves"]).all()


def test_a_folder_that_keeps_a_part_is_refused(tmp_path):
    run(tmp_path / "part", "dataset.size=700", "attack=[loss_threshold]", "indicator.samples=100")
    with pytest.raises(SystemExit, match=r"run with indicator\.samples=null"):
        compare(tmp_path / "part", (100,), draws=1)
