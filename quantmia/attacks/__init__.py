"""Membership inference attacks, one a file. Scores: higher = member, everywhere."""

from quantmia.attacks.base import Attack
from quantmia.attacks.lira import Lira
from quantmia.attacks.lira_shrunk import LiraShrunk
from quantmia.attacks.loss_threshold import LossThreshold

__all__ = ["Attack", "Lira", "LiraShrunk", "LossThreshold"]
