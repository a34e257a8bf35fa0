from quantmia.config.schema import recorded
from quantmia.config.versions import of_any_version
from tests.configurations import configured


def test_todays_configuration_is_complete():
    kept = recorded(configured("training.dp.noise_multiplier=2", "release.mis=0.5"))
    assert of_any_version(kept) == kept


def test_an_older_one_gets_what_its_version_did():
    kept = recorded(configured())
    older = {key: value for key, value in kept.items() if key != "release"}
    later = ("dp", "qat", "qat_warmup", "warm_restarts", "sam", "ema", "swa")
    older["training"] = {k: v for k, v in kept["training"].items() if k not in later}
    older["split"] = {k: v for k, v in kept["split"].items() if k != "label_noise"}
    older["report"] = {k: v for k, v in kept["report"].items() if k != "verbose"}
    older["indicator"] = {k: v for k, v in kept["indicator"].items() if k != "samples"}
    release = {"checkpoints": "last", "utility_loss": 0.0, "mis": None, "samples": None}
    indicator = kept["indicator"] | {"samples": None}
    assert of_any_version(older) == kept | {"release": release, "indicator": indicator}
    assert "dp" not in older["training"], "what was given is not changed"


def test_what_is_no_section_is_left():
    assert of_any_version({"training": None, "report": True})["training"] is None
