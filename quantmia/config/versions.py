"""What recorded configurations of older versions leave out."""

from quantmia.config.recorded import is_recording
from quantmia.config.values import Entry


def of_any_version(config: Entry) -> Entry:
    """A recorded configuration with what older versions, which did not know a key, did.

    Args:
        config: as a manifest keeps it.
    """
    if is_recording(config):
        return config
    release = {"checkpoints": "last", "utility_loss": 0.0, "mis": None, "samples": None}
    dp = {"epsilon": None, "noise_multiplier": None, "max_grad_norm": 1.0, "delta": 1e-5}
    calibration = {"rows": 512, "source": "members", "audit": False}
    completed = {"release": release, "calibration": calibration} | config
    training = {"dp": dp, "qat": None, "qat_warmup": 0}
    training |= dict.fromkeys(("warm_restarts", "sam", "ema", "swa"))
    parts = {"calibration": 0, "label_noise": 0.0}
    added_to = {
        "calibration": {"audit": False},
        "indicator": {"samples": None},
        "release": {"samples": None},
        "report": {"verbose": False},
        "training": training,
        "split": parts,
    }
    for section, added in added_to.items():
        if isinstance(config.get(section), dict):
            completed[section] = added | config[section]
    return completed
