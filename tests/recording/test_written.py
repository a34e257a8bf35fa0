from pathlib import Path

import numpy as np
import pytest

from quantmia.recording.checks import Outputs
from quantmia.recording.pool import Pool
from quantmia.recording.remarks import Remark
from quantmia.recording.written import files_of, manifest_of
from tests.recording.made import SAMPLES, outputs, plan, target

POOL = Pool.of(target("binary"), plan().members, membership="half")


def variant(*epochs: int | None, losses=(), bits: float = float("nan")) -> Outputs:
    answers = {
        epoch: outputs("binary", 0, 0.1 * (epoch or 1)).astype(np.float32) for epoch in epochs
    }
    return Outputs(answers, {e: np.full(7, e, np.float32) for e in losses}, bits)


def test_the_last_epoch_is_scored_and_the_others_are_releases():
    files = files_of(POOL, 1, {"b": variant(5, 2, 9), "a": variant(5, 2, 9)})
    assert list(files.scores) == ["members", "target", "a", "b"]
    np.testing.assert_array_equal(files.scores["a"], variant(9).answers[9])
    np.testing.assert_array_equal(files.scores["members"], POOL.members[1])
    assert set(files.releases) == {f"pool/{name}/{epoch}" for name in "ab" for epoch in (2, 5)}
    assert files.meta["quantizers"]["a"]["releases"] == {"2": 2, "5": 5, "last": 9}
    single = files_of(POOL, 1, {"a": variant(None)})
    assert single.releases == {}
    assert "releases" not in single.meta["quantizers"]["a"]


def test_utility_is_of_those_whom_the_run_left_out():
    out = ~POOL.members[2]
    found = files_of(POOL, 2, {"a": variant(None)}).meta["quantizers"]["a"]["utility"]["accuracy"]
    right = (outputs("binary", 0, 0.1) > 0) == (target("binary") > 0)
    assert found == pytest.approx(right[out].mean())


def test_a_manifest_says_what_there_is():
    made = {"a": variant(2, 5, losses=(1, 2, 5), bits=4.0), "b": variant(2, 5, losses=(1, 2, 5))}
    content = manifest_of(POOL, Path("some/.where"), made, ["lira"], [Remark("what.", "do.")])
    config, dataset = content["config"], content["dataset"]
    assert content["state"] == "finished"
    assert (config["name"], config["runs"], list(config["attack"])) == ("where", 6, ["lira"])
    assert config["quantizer"] == {"a": {"bits": 4.0}, "b": {}}
    assert config["training"] == {"checkpoints": [1, 2, 5], "released": [2, 5]}
    assert config["split"] == {"membership": "half"}
    assert (dataset["pool"], dataset["validation"], dataset["largest_class"]) == (SAMPLES, 7, 0.5)
    assert dataset["remarks"] == [{"text": "what.", "advice": "do."}]
    regression = Pool.of(target("regression"), plan().members)
    assert manifest_of(regression, Path("a"), {})["dataset"]["largest_class"] is None
