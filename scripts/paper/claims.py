"""What the paper claims, what its readers would try first and next, and how each is judged."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.paper import effects
from scripts.paper.cases import Case, above, below, without_repeats
from scripts.paper.effects import AGREES, PLATEAU, QUARTER, SPARSE, USED
from scripts.paper.numbers import Numbers


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and its test.

    Args:
        key: in `claims.csv`.
        title: where it is from.
        statement: what it says.
        rule: when a case holds; it fails when the interval lies on the other side.
        file: of the numbers.
        cases: out of the numbers.
    """

    key: str
    title: str
    statement: str
    rule: str
    file: str
    cases: Callable[[Numbers], list[Case]]


REPETITIONS = "repetitions.csv"
PLATEAU_RULE = (
    f"holding out half of the data would add less than {PLATEAU} (our threshold) to the stability: "
    "the mean Spearman between rankings by r_Q of repetitions that train other runs and hold out "
    "other samples, of which two repetitions have as large a share in common as is held out."
)
CLAIMS = (
    Claim(
        "order",
        "Claim 1",
        "On mixtures of 8 modes with sigma 2, linear classifiers rank ternary 50 % > sign > 2 bits "
        "> 5 bits, the most private first.",
        "each of the four is more private than the next, by r_Q or by the MIS of an attack.",
        REPETITIONS,
        effects.same_order,
    ),
    Claim(
        "agreement",
        "Claim 2, first half",
        "With about 20 runs the ranking by r_Q has a Spearman correlation above 0.8 with MIS.",
        f"the correlation is above {AGREES}; where two repetitions agree less than that about MIS "
        "itself, the case is open.",
        REPETITIONS,
        effects.agrees,
    ),
    Claim(
        "discriminator",
        "Claim 2, second half",
        "The discriminator needs about 150 runs.",
        f"with {QUARTER} runs, about a quarter of that, the correlation of our discriminator "
        "(`whitebox`, boosted trees of loss, output, target and influence) with LiRA on 150 other "
        f"runs is below {AGREES}; the interval is the middle 95 % of random subsets. The paper's "
        "discriminator is another network, of which this says nothing.",
        "needed.csv",
        lambda numbers: effects.few_runs_rank(numbers, "mis_whitebox", QUARTER, below),
    ),
    Claim(
        "like_with_like",
        "Claim 2, both alike",
        "Judged as the discriminator is, by LiRA on other runs, r_Q ranks with 20 runs.",
        f"its correlation is above {AGREES}; the interval is the middle 95 % of random subsets.",
        "needed.csv",
        lambda numbers: effects.few_runs_rank(numbers, "r_q_paper", USED, above),
    ),
    Claim(
        "sparse_private",
        "Claim 3, first part",
        "Sparse quantization (ternary 90 %) is the most private.",
        f"{SPARSE} is more private than each of the others; it fails where one of them is more "
        "private (Bonferroni).",
        REPETITIONS,
        effects.sparse_is_private,
    ),
    Claim(
        "sparse_useless",
        "Claim 3, second part",
        "Sparse quantization (ternary 90 %) is the least accurate.",
        f"{SPARSE} is less useful than each of the others; it fails where one of them is less "
        "useful (Bonferroni).",
        REPETITIONS,
        effects.sparse_is_useless,
    ),
    Claim(
        "regression",
        "Claim 3, third part",
        "Regression does not survive: ternary 90 % has R² < 0 on Lipophilicity.",
        "R² is below 0.",
        REPETITIONS,
        lambda numbers: effects.worse_than_the_mean(numbers, ("lipophilicity",)),
    ),
    Claim(
        "regression_elsewhere",
        "Claim 3, third part, on other data",
        "Ternary 90 % has R² < 0 in regression.",
        "R² is below 0.",
        REPETITIONS,
        lambda numbers: effects.worse_than_the_mean(numbers, ("esol", "freesolv", "logbb")),
    ),
    Claim(
        "sign",
        "Said of the paper",
        "Sign (1 bit) is less private than ternary 33 %. (Said by others; we could not verify that "
        "the paper says it.)",
        "sign is less private than ternary 33 %, by r_Q or by the MIS of an attack.",
        REPETITIONS,
        effects.sign_is_less_private,
    ),
    Claim(
        "validation",
        "Claim 4",
        "Holding out 40 % of the data is near the plateau of the ranking's stability.",
        PLATEAU_RULE,
        REPETITIONS,
        effects.plateau,
    ),
    Claim(
        "low_loss",
        "Claim 5",
        "Low-loss checkpoints dominate sigma².",
        "in more than half of the runs the checkpoint that gives sigma² is in the half of lower "
        "loss.",
        REPETITIONS,
        effects.low_loss_dominates,
    ),
    Claim(
        "first_order",
        "First experiment 1",
        "r_Q of 20 single-layer classifiers (8 modes, sigma 2): verify ternary 50 % > sign > "
        "2 bits > 5 bits.",
        "r_Q of each of the four is larger than that of the next.",
        REPETITIONS,
        lambda numbers: effects.same_order(numbers, ["r_q"]),
    ),
    Claim(
        "first_validation",
        "First experiment 2",
        "Vary the held-out share of a molecular data set from 20 % to 50 % and measure the "
        "ranking's stability over 5 repetitions: 40 % is near the plateau.",
        PLATEAU_RULE,
        REPETITIONS,
        effects.plateau,
    ),
    Claim(
        "first_regression",
        "First experiment 3",
        "Ternary 90 % on Lipophilicity: its privacy goes with a catastrophic loss of accuracy "
        "(R² < 0).",
        f"{SPARSE} is more private than each of the others, and its R² is below 0.",
        REPETITIONS,
        lambda numbers: effects.private_and_useless(numbers, "lipophilicity"),
    ),
    Claim(
        "next_validation",
        "Next check 1",
        "The ranking is robust to the held-out share (20 % to 50 %, one molecular data set).",
        f"rankings by r_Q with this share and with half held out, of different repetitions, have a "
        f"Spearman correlation above {AGREES}.",
        REPETITIONS,
        effects.same_at_any_share,
    ),
    Claim(
        "next_quantizers",
        "Next check 2",
        "The ranking by r_Q carries over to other quantizers: codebooks by k-means, per channel, "
        "integers, NF4, FP4 and FP8. (Quantization-aware training is not covered: quantmia "
        "quantizes after training.)",
        f"the correlation of r_Q with MIS over all of them is above {AGREES}.",
        REPETITIONS,
        lambda numbers: effects.agrees(numbers, ("quantizers",)),
    ),
    Claim(
        "next_regimes",
        "Next check 3",
        "Low-loss checkpoints dominate sigma² with other optimisers and trajectories too.",
        "in more than half of the runs the checkpoint that gives sigma² is in the half of lower "
        "loss.",
        REPETITIONS,
        lambda numbers: effects.low_loss_dominates(numbers, ("regime",)),
    ),
)


def judged(numbers: Numbers) -> dict[str, list[Case]]:
    """The cases of every claim that the studies at hand speak of.

    Args:
        numbers: collected.
    """
    found = {claim.key: without_repeats(claim.cases(numbers)) for claim in CLAIMS}
    return {key: cases for key, cases in found.items() if cases}
