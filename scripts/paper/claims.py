"""What the paper claims, what its readers would try first and next, and how each is judged."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.paper import effects
from scripts.paper.cases import Case
from scripts.paper.effects import AGREES, FEW, PLATEAU, SPARSE
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


CLAIMS = (
    Claim(
        "order",
        "Claim 1",
        "On mixtures of 8 modes with sigma 2, linear classifiers rank ternary 50 % > sign > 2 bits "
        "> 5 bits, the most private first.",
        "the first of two neighbours is more private than the second.",
        "repetitions.csv",
        effects.same_order,
    ),
    Claim(
        "agreement",
        "Claim 2, first half",
        "With about 20 runs the ranking by r_Q has a Spearman correlation above 0.8 with MIS.",
        f"the correlation is above {AGREES}.",
        "repetitions.csv",
        effects.agrees,
    ),
    Claim(
        "discriminator",
        "Claim 2, second half",
        "The discriminator needs about 150 runs.",
        f"with {FEW} runs its correlation with LiRA on 150 other runs is below {AGREES}; the "
        "interval is the middle 95 % of random subsets.",
        "needed.csv",
        effects.discriminator_is_late,
    ),
    Claim(
        "sparse_private",
        "Claim 3, first part",
        "Sparse quantization (ternary 90 %) is the most private.",
        f"{SPARSE} is more private than the most private of the others.",
        "repetitions.csv",
        effects.sparse_is_private,
    ),
    Claim(
        "sparse_useless",
        "Claim 3, second part",
        "Sparse quantization (ternary 90 %) is the least accurate.",
        f"{SPARSE} is less useful than the least useful of the others.",
        "repetitions.csv",
        effects.sparse_is_useless,
    ),
    Claim(
        "regression",
        "Claim 3, third part",
        "Regression suffers most: ternary 90 % destroys it (R² < 0).",
        "R² is below 0.",
        "repetitions.csv",
        effects.worse_than_the_mean,
    ),
    Claim(
        "validation",
        "Claim 4",
        "Holding out 40 % of the data is near the plateau of the ranking's stability.",
        f"holding out half of the data would add less than {PLATEAU} to the mean Spearman between "
        "rankings by r_Q of repetitions that hold out other samples and train other runs.",
        "repetitions.csv",
        effects.plateau,
    ),
    Claim(
        "low_loss",
        "Claim 5",
        "Low-loss checkpoints dominate sigma².",
        "in more than half of the runs the checkpoint that gives sigma² is in the half of lower "
        "loss.",
        "repetitions.csv",
        effects.low_loss_dominates,
    ),
    Claim(
        "first_order",
        "First experiment 1",
        "r_Q of 20 single-layer classifiers (8 modes, sigma 2): verify ternary 50 % > sign > "
        "2 bits > 5 bits.",
        "r_Q of the first of two neighbours is larger than that of the second.",
        "repetitions.csv",
        lambda numbers: effects.same_order(numbers, ["r_q"]),
    ),
    Claim(
        "first_validation",
        "First experiment 2",
        "Vary the held-out share of a molecular data set from 20 % to 50 % and measure the "
        "ranking's stability over 5 repetitions: 40 % is near the plateau.",
        f"holding out half of the data would add less than {PLATEAU} to the stability.",
        "repetitions.csv",
        effects.plateau,
    ),
    Claim(
        "first_regression",
        "First experiment 3",
        "Ternary 90 % on Lipophilicity: its privacy goes with a catastrophic loss of accuracy "
        "(R² < 0).",
        f"{SPARSE} is more private than the most private of the others, and its R² is below 0.",
        "repetitions.csv",
        lambda numbers: [
            *effects.sparse_is_private(numbers, ("lipophilicity",)),
            *effects.worse_than_the_mean(numbers, ("lipophilicity",)),
        ],
    ),
    Claim(
        "next_validation",
        "Next check 1",
        "The ranking is robust to the held-out share (20 % to 50 %, one molecular data set).",
        f"holding out half of the data would add less than {PLATEAU} to the stability.",
        "repetitions.csv",
        lambda numbers: effects.plateau(numbers, ("0.2", "0.3", "0.4")),
    ),
    Claim(
        "next_quantizers",
        "Next check 2",
        "The ranking by r_Q carries over to other quantizers: codebooks by k-means, per channel, "
        "integers, NF4, FP4 and FP8. (Quantization-aware training is not covered: quantmia "
        "quantizes after training.)",
        f"the correlation of r_Q with MIS over all of them is above {AGREES}.",
        "repetitions.csv",
        lambda numbers: effects.agrees(numbers, ("quantizers",)),
    ),
    Claim(
        "next_regimes",
        "Next check 3",
        "Low-loss checkpoints dominate sigma² with other optimisers and trajectories too.",
        "in more than half of the runs the checkpoint that gives sigma² is in the half of lower "
        "loss.",
        "repetitions.csv",
        lambda numbers: effects.low_loss_dominates(numbers, ("regime",)),
    ),
)


def judged(numbers: Numbers) -> dict[str, list[Case]]:
    """The cases of every claim that the studies at hand speak of.

    Args:
        numbers: collected.
    """
    found = {claim.key: claim.cases(numbers) for claim in CLAIMS}
    return {key: cases for key, cases in found.items() if cases}
