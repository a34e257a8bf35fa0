"""What libraries' own modules answer, from the configuration to what is attacked and audited."""

import numpy as np
import pytest

from quantmia.errors import QuantmiaError
from quantmia.models.loop import Loop
from quantmia.runs.folder import RunFolder
from tests.tiny import fitted, run, tiny
from tests.training.scored import LAST_AND_AUDITED, answers

pytest.importorskip("quantmia.quantizers.bitsandbytes_modules")
pytest.importorskip("torchao")

NAMES = ["bnb_fp4", "bnb_int8", "bnb_nf4", "torchao_int8_dynamic", "torchao_int8_static"]
CHOSEN = (*LAST_AND_AUDITED, f"quantizer=[full_precision,{','.join(NAMES)}]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("modules") / "mine"


@pytest.fixture(scope="module")
def results(folder):
    found = run(folder, *CHOSEN)
    assert found is not None
    return found


@pytest.mark.slow
def test_they_are_ranked_and_audited_with_the_others(results):
    ranking = results.tables["ranking"].set_index("quantizer")
    assert set(NAMES) < set(ranking.index)
    assert ranking.loc[NAMES, "auc_lira_eb"].notna().all()
    assert ranking.loc["bnb_nf4", "bits"] < 6 < ranking.loc["bnb_int8", "bits"]
    assert set(results.tables["calibration"]["quantizer"]) == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_scored_is_the_answer_of_each_runs_own_model(results, folder, name, tmp_path):
    experiment = fitted(tiny(*CHOSEN), tmp_path)
    models = Loop(experiment.model, [0], experiment.dataset.task)
    scores = RunFolder(folder).read_run(3).scores
    found = answers(experiment, RunFolder(folder), models, 3, name)
    np.testing.assert_allclose(scores[name], found, atol=1e-6)
    assert np.abs(scores[name] - scores["full_precision"]).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_it_is_no_step_of_training(tmp_path, name):
    with pytest.raises(QuantmiaError, match=rf"training\.qat={name}: (looks at|does what no step)"):
        fitted(tiny("model=mlp", f"quantizer=[{name}]", f"training.qat={name}"), tmp_path)
