"""Data: from a source to features, targets and splits."""

from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.split import Split, calibration_rows, members, split, targets_of_runs
from quantmia.data.standardise import Standardised, standardise

__all__ = [
    "Dataset",
    "Dropped",
    "Split",
    "Standardised",
    "calibration_rows",
    "members",
    "split",
    "standardise",
    "targets_of_runs",
]
