"""Data: from a source to features, targets and splits."""

from quantmia.data.calibration import calibration_inputs, calibration_rows
from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.label_noise import Labels, with_noise
from quantmia.data.split import Split, members, split, targets_of_runs
from quantmia.data.standardise import Standardised, standardise

__all__ = [
    "Dataset",
    "Dropped",
    "Labels",
    "Split",
    "Standardised",
    "calibration_inputs",
    "calibration_rows",
    "members",
    "split",
    "standardise",
    "targets_of_runs",
    "with_noise",
]
