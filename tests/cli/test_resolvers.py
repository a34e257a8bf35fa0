from quantmia.cli.resolvers import job_dir


def test_a_job_is_named_by_what_it_has_of_its_own():
    given = ["-m", "+experiment=x", "runs=4", "seed=0,1", "resume=true", "report=true"]
    assert job_dir(["+experiment=x", "runs=4", "seed=1", "resume=true"], given) == "seed=1"
    assert job_dir(["+experiment=x", "runs=4", "report=True"], given) == "job"
