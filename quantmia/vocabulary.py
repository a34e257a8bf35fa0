"""Words that have one meaning everywhere: what a setting may be, in the schema and in the code."""

from typing import Literal, get_args

Winsorise = Literal["winsorise"]
Membership = Literal["half", "coin"]  # how a run's members are drawn from the pool
OutputKind = Literal["logits", "probabilities", "predictions"]  # what a model answers
Optimizer = Literal["adam", "sgd"]
Scale = Literal["data", "unit", "fixed"]  # what decides how wide a codebook is
Per = Literal["tensor", "channel", "group"]  # which weights share a codebook
Shown = Literal["members", "apart", "noise"]  # whose rows a quantizer that looks at data is shown
Along = Literal["all", "last"]  # which checkpoints of a trajectory a quantizer is tried on
Named = Literal["best", "last"]  # checkpoints of a training by what they are
BEST, LAST = get_args(Named)
Variant = Literal["paper", "rate", "low_loss", "pooled"]  # of the indicator
