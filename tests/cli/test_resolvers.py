import pytest

from quantmia.cli.resolvers import job_dir, share


def test_a_job_is_named_by_what_it_has_of_its_own():
    given = ["-m", "+experiment=x", "runs=4", "seed=0,1", "resume=true", "report=true"]
    assert job_dir(["+experiment=x", "runs=4", "seed=1", "resume=true"], given) == "seed=1"
    assert job_dir(["+experiment=x", "runs=4", "report=True"], given) == "job"


@pytest.mark.parametrize(
    ("of", "part", "expected"),
    [(100, 0.2, 20), (60, 0.5, 30), (7, 0.2, 1), (2, 0.2, 1), (0, 0.5, 1), ("x", 0.5, "x")],
)
def test_a_share_is_a_number_of_at_least_one(of, part, expected):
    assert share(of, part) == expected
    assert share(None, part) is None
    assert share(True, part) is True
