"""OpenVINO, from the configuration to what is attacked and audited."""

import numpy as np
import pytest

from quantmia.errors import QuantmiaError
from quantmia.models.loop import Loop
from quantmia.runs.folder import RunFolder
from tests.tiny import fitted, run, tiny
from tests.training.scored import LAST_AND_AUDITED, answers

pytest.importorskip("quantmia.quantizers.untracked")
pytest.importorskip("onnxscript")

NAMES = ["openvino_int4", "openvino_int4_awq", "openvino_int4_gptq", "openvino_int8"]
CHOSEN = (*LAST_AND_AUDITED, f"quantizer=[full_precision,{','.join(NAMES)}]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("openvino") / "mine"


@pytest.fixture(scope="module")
def results(folder):
    found = run(folder, *CHOSEN)
    assert found is not None
    return found


@pytest.mark.slow
def test_it_is_ranked_with_the_others(results):
    ranking = results.tables["ranking"].set_index("quantizer")
    assert set(NAMES) < set(ranking.index)
    assert ranking.loc[NAMES, "auc_lira_eb"].notna().all()
    assert ranking.loc["openvino_int4", "bits"] < 6 < ranking.loc["openvino_int8", "bits"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_scored_is_the_answer_of_each_runs_own_model(results, folder, name, tmp_path):
    experiment = fitted(tiny(*CHOSEN), tmp_path)
    models = Loop(experiment.model, [0], experiment.dataset.task)
    scores = RunFolder(folder).read_run(3).scores
    found = answers(experiment, RunFolder(folder), models, 3, name)
    np.testing.assert_allclose(scores[name], found, atol=1e-6)
    assert np.abs(scores[name] - scores["full_precision"]).max() > 0


@pytest.mark.slow
def test_gptq_gives_its_rows_away_and_the_control_does_not(results):
    auc = results.tables["calibration"].set_index(["quantizer", "attack"])
    assert set(auc.index.get_level_values(0)) == set(NAMES)
    assert auc.loc[("openvino_int4_gptq", "layer_difference"), "auc_low"] > 0.7
    low, high = auc.loc[("openvino_int4", "layer_difference"), ["auc_low", "auc_high"]]
    assert low < 0.5 < high


@pytest.mark.parametrize("name", NAMES)
def test_it_is_no_step_of_training(tmp_path, name):
    with pytest.raises(QuantmiaError, match=rf"training\.qat={name}: (looks at|does what no step)"):
        fitted(tiny("model=mlp", f"quantizer=[{name}]", f"training.qat={name}"), tmp_path)
