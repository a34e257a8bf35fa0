"""Words of the field that a page uses, each explained where it stands."""

WORDS = {
    "run": (
        "one training, from its own random start on its own random half of the pool; all runs "
        "together tell chance from leak"
    ),
    "pool": "the samples that may be trained on; in each run some are members, the others not",
    "held out": "samples that no run trains on; losses and utility are measured on them",
    "checkpoint": "the model after some epoch of its training",
    "release": "a quantizer at a checkpoint: a model that could be shipped",
    "advantage": (
        "how much more often an attack calls members members than it calls others so, at one "
        "threshold: true less false positive rate"
    ),
    "MIS": (
        "membership inference security, 1 minus the advantage: 1 = the attack guesses, 0 = it "
        "always knows. Every attack is an upper bound; MIS at most is the upper limit of all "
        "attacks together"
    ),
    "AUC": "area under the ROC curve of an attack: 0.5 = it guesses, 1 = it always knows",
    "lira": (
        "likelihood ratio attack (Carlini et al. 2022): the other runs show how a sample is "
        "answered by models that trained on it and by models that did not; lira_eb learns from "
        "all samples how far to believe a few runs"
    ),
    "loss_threshold": "calls a sample a member where the loss is small; it needs no other runs",
    "r_Q": (
        "delta² / (2 sigma²), the paper's indicator, which needs no attack: delta is by how much "
        "the best checkpoint's mean held-out loss is below the second best's"
    ),
    "sigma²": (
        "the largest variance, over the held-out samples, of the difference between a "
        "checkpoint's losses and the best one's"
    ),
    "checkpoint grid": "which checkpoints are looked at: every one, or one in 2, 5, 10",
    "epsilon": (
        "of differential privacy: that a sample was there changes the odds of any outcome by "
        "e^epsilon at most. Training may guarantee that (ε at most), attacks may show that it is "
        "not less (ε at least)"
    ),
    "bits": "what a stored weight takes, scales and all",
    "front": "the releases that no other one beats in privacy and utility at once",
    "gain over stopping earlier": (
        "MIS of a quantized release, less that of full precision stopped where it is as useful"
    ),
}


def explained(*names: str) -> dict[str, str]:
    """Some of them, in the order asked for.

    Args:
        names: the words.
    """
    return {name: WORDS[name] for name in names}
