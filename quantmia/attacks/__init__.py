"""Membership inference attacks, one a file. Scores: higher = member, everywhere."""

from quantmia.attacks.base import Attack, Observed
from quantmia.attacks.discriminator import Discriminator
from quantmia.attacks.lira import Lira
from quantmia.attacks.lira_eb import LiraEB
from quantmia.attacks.lira_shrunk import LiraShrunk
from quantmia.attacks.loss_threshold import LossThreshold
from quantmia.attacks.quantile import Quantile
from quantmia.attacks.rmia import Rmia
from quantmia.attacks.white_box import WhiteBox

__all__ = [
    "Attack",
    "Discriminator",
    "Lira",
    "LiraEB",
    "LiraShrunk",
    "LossThreshold",
    "Observed",
    "Quantile",
    "Rmia",
    "WhiteBox",
]
