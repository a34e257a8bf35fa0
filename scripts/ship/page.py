"""The questions of who ships quantized models: what each was measured by, and what stays open."""

from scripts.answered import Answered, Question
from scripts.ship.answers import MUCH, USUAL

ATTACKER = (
    "The attacker has the rows in question and the model before it was quantized, as of a public "
    "base model or an earlier release; `by weights` also those of the release, `by outputs` only "
    "what it answers. AUC 0.5 is guessing."
)
QUESTIONS = (
    Question(
        "who",
        "Which quantizers give away whose rows calibrated them?",
        f"{USUAL} rows of those set apart, each run's own, which no training saw. {ATTACKER} What "
        "was shown nothing, or noise, is the control.",
        "Heads of one or two linear layers, after the last epoch.",
        "-m +study=whose_rows",
        (),
    ),
    Question(
        "fade",
        "How many rows make it fade?",
        f"The same runs and quantizers, calibrated on more and more rows. The verdict says from "
        f"how many the whole interval of AUC lies below {MUCH}.",
        "A layer with more inputs than there are rows keeps each of them apart; wider ones than "
        "these take more.",
        "-m +study=whose_rows",
        (),
    ),
    Question(
        "noise",
        "What does noise in the place of rows cost?",
        "4,096 rows of standard normal numbers (`calibration.source=noise`), which nobody has to "
        "protect, against rows of data; utility of the same runs, in pairs.",
        "Features are standardised; of what is no vector of features, noise may look like nothing.",
        "+study=whose_rows calibration.source=noise calibration.rows=4096",
        ("against",),
    ),
    Question(
        "runtimes",
        "Which runtimes change MIS against rounding weights to as many bits?",
        "The same 20 models a data set, after the last epoch: weights rounded by torchao "
        "(`int8`, `int4_channel`), the same with 8-bit activations (`w8a8_...`, `w4a8_...`, "
        "simulated), what ONNX Runtime, OpenVINO, torchao and bitsandbytes answer (LLM.int8() and "
        "NF4), and the blocks of llama.cpp. Static ranges, AWQ and GPTQ are of 128 rows apart, "
        "which are asked for as above.",
        "Heads of one or two linear layers; of llama.cpp the weights, not the program.",
        "+study=runtimes",
    ),
)
PAGE = Answered(
    name="ship",
    title="What quantized models give away when they are shipped",
    target="ship",
    about="Intervals are 95 %, over 20 runs and the rows in question, and not corrected for the "
    "number of data sets.",
    questions=QUESTIONS,
    undecided=("not told apart",),
)
