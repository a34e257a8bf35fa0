"""Data: from a source to features, targets and splits."""

from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.split import Split, members, split, standardise, targets_of_runs

__all__ = ["Dataset", "Dropped", "Split", "members", "split", "standardise", "targets_of_runs"]
