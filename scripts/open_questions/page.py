"""The questions that the paper leaves open: how each was measured, and what stays open."""

from scripts.answered import Answered, Question
from scripts.open_questions.answers import DOMINATES, RANKED

UNDECIDED = ("open", "not told apart", "in the estimate", DOMINATES[2], RANKED[2])
FRONTS = (
    "Releases are all checkpoints of `release.checkpoints=auto`. A front is better somewhere if "
    "one of its releases has surely more MIS than the other front at the same utility, or is "
    "surely more useful at its best checkpoint; `dominates` is surely better somewhere and shown "
    "worse nowhere."
)
QUESTIONS = (
    Question(
        "qat",
        "Does training with the quantizer in the loop dominate quantizing afterwards?",
        f"Straight-through training against the same codebook after training, without and with a "
        f"look at data (`_calibrated`). {FRONTS}",
        "One architecture a data set, and no learned scale.",
        "-m +study=in_training",
        ("what", "against"),
    ),
    Question(
        "stopping",
        "Does it dominate stopping earlier in full precision?",
        f"The same fronts, and those of quantizers that look at data, against full precision. "
        f"{FRONTS}",
        "A model that has to be small cannot stop in full precision instead.",
        "-m +study=in_training",
    ),
    Question(
        "kept",
        "How much of full precision's utility does a quantizer keep that looks at data?",
        "After the last epoch, on 512 members at most; the target is 95 %.",
        "Accuracy of a classification is far from 0 without any model; of a regression R² is not.",
        "-m +study=in_training",
    ),
    Question(
        "viable",
        "Is there a viable scheme for regression?",
        "R² within 10 % of full precision at its best checkpoint, and MIS not below that of plain "
        "ternary 50 % after the last epoch: of each way, the release whose smaller margin is the "
        "largest. `there is one` if both margins are surely above 0, all releases of a way "
        "together.",
        "MIS is an upper bound by the attacks that were tried.",
        "-m +study=in_training",
    ),
    Question(
        "structure",
        "Does the structure of sparsity matter?",
        f"Half of the weights zero, two of every four (`two_four`) or whole inputs of a layer "
        f"(`inputs_50`), against the smallest ones (`pruned_50`). {FRONTS}",
        "Pruned after training, without training further.",
        "-m +study=in_training",
    ),
    Question(
        "calibration",
        "Does calibrating on members cost privacy?",
        "128 rows: members of the run, or samples that no run was trained on, the same in all "
        "runs; the same members, runs and pool in both.",
        "Of members. What calibration gives away about its own rows is another question.",
        "-m +study=calibration",
    ),
    Question(
        "trajectories",
        "Does the low-loss assumption hold, and does r_Q rank, when training is another?",
        "Of 20 runs, five times: the share of runs in which a checkpoint of the lower half by loss "
        "gives sigma², that in which the best checkpoint is the last (where r_Q means little), and "
        "the rank correlation of r_Q with MIS (above 0.8 it ranks). Intervals are over the five "
        "repetitions.",
        "Two data sets.",
        "-m +experiment=paper/trajectories",
        (),
    ),
    Question(
        "certificate",
        "Can one released model be certified, and does the level of its bound hold?",
        "Members by coins, 40 runs; epsilon of run 0. Every other run is taken as the released "
        "model in turn: 5 % of the bounds may exceed what the guesses about all others come to, "
        "which is less than the epsilon of the training. Intervals are as of independent runs.",
        "The bounds are from below, by one attack.",
        "+study=released",
    ),
)
PAGE = Answered(
    name="open_questions",
    title="What the paper leaves open, answered",
    target="open-questions",
    about=(
        "Intervals are 95 %. Of two sides they are paired over runs: both are of the same members, "
        "runs and resamples. They are not corrected for the number of data sets."
    ),
    questions=QUESTIONS,
    undecided=UNDECIDED,
)
