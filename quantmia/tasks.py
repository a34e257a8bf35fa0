"""What a task means: its loss, its utility, and the signal that attacks read."""

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.special import expit, logsumexp, softmax
from torch import Tensor

TaskName = Literal["regression", "binary", "multiclass"]


class Task(ABC):
    """One kind of prediction problem. Models answer with `out_features` raw numbers a sample."""

    name: TaskName
    utility_metric: str
    two_sided = False  # whether members have a signal near 0 rather than a large one

    @abstractmethod
    def out_features(self, classes: int) -> int:
        """Raw outputs a model needs for `classes` classes."""

    @abstractmethod
    def loss(
        self, output: Float[Tensor, "*samples out"], target: Tensor
    ) -> Float[Tensor, "*samples"]:
        """Loss of every sample: squared error, or nats."""

    @abstractmethod
    def utility(self, output: NDArray, target: NDArray) -> dict[str, float]:
        """Figures of merit by name; `utility_metric` is the one that rankings show.

        Args:
            output: raw outputs, [samples, out].
            target: [samples], on the scale of the outputs.
        """

    @abstractmethod
    def guess(self, target: NDArray) -> float:
        """What `utility_metric` is of the best answer that looks at no sample.

        Args:
            target: [samples].
        """

    @abstractmethod
    def merit(self, output: NDArray, target: NDArray) -> tuple[float, NDArray[np.float64]]:
        """The figure that `utility_metric` names, and each sample's influence on it.

        The influence is the figure's derivative by a sample's weight, with a mean of 0 (Hampel
        1974): what resampling the samples moves it by, to first order.

        Args:
            output: raw outputs, [samples, out].
            target: [samples], on the scale of the outputs.
        """

    @abstractmethod
    def signal(self, output: NDArray, target: NDArray) -> NDArray:
        """The number per sample that likelihood-ratio attacks model as a Gaussian, float64.

        Args:
            output: raw outputs, [..., out].
            target: [...], on the scale of the outputs.
        """


class Regression(Task):
    """Squared error on targets standardised by the run's members; one output."""

    name = "regression"
    utility_metric = "r2"
    two_sided = True

    def out_features(self, classes: int) -> int:
        """Always 1."""
        return 1

    def loss(self, output, target):
        """(prediction - target)^2."""
        # Not `mse_loss`: vmap takes it apart in Python, for which PyTorch imports half a second.
        return (output.squeeze(-1) - target).square()

    def utility(self, output, target):
        """R^2, the root of the mean squared error in the target's standard deviations, calibration.

        The slope of targets on predictions is below 1 where predictions are too far apart; it is
        undefined where they are all the same.
        """
        predicted = output[..., 0].astype(np.float64)
        with np.errstate(invalid="ignore"):  # predictions that overflowed have no slope
            centred = predicted - predicted.mean()
        moment = np.square(centred).sum()
        error = np.square(output[..., 0].astype(np.float64) - target)
        spread = np.square(target - target.mean(dtype=np.float64))
        return {
            "r2": float(1 - error.sum() / spread.sum()),
            "rmse_standardised": float(np.sqrt(error.mean())),
            "calibration_slope": float(centred @ target / moment) if moment else float("nan"),
        }

    def guess(self, target):
        """Always the mean: 0."""
        return 0.0

    def merit(self, output, target):
        """R^2 = 1 - mean squared error / variance; both move with a sample's weight."""
        error = np.square(output[..., 0].astype(np.float64) - target)
        spread = np.square(target - target.mean(dtype=np.float64))
        if not spread.any():  # nothing is to be explained
            return float("nan"), np.full(len(error), np.nan)
        ratio = error.mean() / spread.mean()
        return float(1 - ratio), (ratio * spread - error) / spread.mean()

    def signal(self, output, target):
        """The signed residual (prediction - target)."""
        return output[..., 0].astype(np.float64) - target


class Binary(Task):
    """Logistic loss on one logit; targets are 0 and 1."""

    name = "binary"
    utility_metric = "accuracy"

    def out_features(self, classes: int) -> int:
        """Always 1."""
        return 1

    def loss(self, output, target):
        """-log p(target), in nats."""
        return F.binary_cross_entropy_with_logits(
            output.squeeze(-1), target.to(output.dtype), reduction="none"
        )

    def utility(self, output, target):
        """Accuracy at probability 0.5, ROC-AUC, and calibration error."""
        logit = output[..., 0]
        return {
            "accuracy": float(np.mean((logit > 0) == (target > 0.5))),
            "roc_auc": roc_auc(logit, target > 0.5),
            "calibration_error": calibration_error(
                expit(np.abs(logit.astype(np.float64))), (logit > 0) == (target > 0.5)
            ),
        }

    def guess(self, target):
        """Always the more frequent class."""
        return _largest(target)

    def merit(self, output, target):
        """Accuracy at probability 0.5."""
        return _share((output[..., 0] > 0) == (target > 0.5))

    def signal(self, output, target):
        """Log p_y - log(1 - p_y): the logit, with the sign of the true class (Carlini 2022)."""
        return output[..., 0].astype(np.float64) * np.where(target > 0.5, 1.0, -1.0)


class Multiclass(Task):
    """Cross-entropy over as many logits as there are classes; targets are class indices."""

    name = "multiclass"
    utility_metric = "accuracy"

    def out_features(self, classes: int) -> int:
        """One logit a class."""
        return classes

    def loss(self, output, target):
        """-log p(target), in nats."""
        flat = F.cross_entropy(
            output.reshape(-1, output.shape[-1]), target.reshape(-1).long(), reduction="none"
        )
        return flat.reshape(target.shape)

    def utility(self, output, target):
        """Accuracy of the most probable class, mean ROC-AUC against the rest, calibration error.

        Classes that no target or every target has are left out of the mean of the ROC-AUCs.
        """
        probability = softmax(output.astype(np.float64), axis=-1)
        aucs = [
            roc_auc(probability[:, each], target == each)
            for each in np.unique(target).astype(int)
            if not (target == each).all()
        ]
        return {
            "accuracy": float(np.mean(output.argmax(-1) == target)),
            "macro_roc_auc": float(np.mean(aucs)) if aucs else float("nan"),
            "calibration_error": calibration_error(
                probability.max(-1), output.argmax(-1) == target
            ),
        }

    def guess(self, target):
        """Always the most frequent class."""
        return _largest(target)

    def merit(self, output, target):
        """Accuracy of the most probable class."""
        return _share(output.argmax(-1) == target)

    def signal(self, output, target):
        """Log p_y - log(sum of the other probabilities) (Carlini 2022, section VI-A)."""
        logits = output.astype(np.float64)
        index = target.astype(np.int64)[..., None]
        own = np.take_along_axis(logits, index, -1)[..., 0]
        others = logits.copy()
        np.put_along_axis(others, index, -np.inf, -1)
        return own - logsumexp(others, axis=-1)


def _largest(target: NDArray) -> float:
    """The share of the most frequent class."""
    return float(np.unique(target, return_counts=True)[1].max() / len(target))


def _share(correct: Bool[NDArray, " samples"]) -> tuple[float, NDArray[np.float64]]:
    """The share of what is correct, and each sample's influence on it."""
    share = float(correct.mean())
    return share, correct - share


def roc_auc(score: NDArray, positive: Bool[NDArray, " samples"]) -> float:
    """How often a positive sample scores above another, a tie counting half; NaN without either.

    By rank sums (Mann and Whitney 1947).

    Args:
        score: of each sample.
        positive: which of them are.
    """
    from scipy.stats import rankdata  # here, because it takes half a second to import

    inside = int(positive.sum())
    pairs = inside * (len(score) - inside)
    if not pairs:
        return float("nan")
    return float((rankdata(score)[positive].sum() - inside * (inside + 1) / 2) / pairs)


def calibration_error(
    confidence: Float[NDArray, " samples"], correct: Bool[NDArray, " samples"], bins: int = 15
) -> float:
    """Expected calibration error: mean distance of confidence and accuracy (Guo et al. 2017).

    Args:
        confidence: probability of the predicted class.
        correct: whether that class is the true one.
        bins: of confidence, equally wide.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, confidence, bins) - np.bincount(place, correct, bins)
    return float(np.abs(gap).sum() / len(confidence))


TASKS: dict[TaskName, Task] = {task.name: task for task in (Regression(), Binary(), Multiclass())}

# Of figures of merit that people write in another way than a column can be named.
METRIC_NAMES = {"r2": "R²"}


def metric_name(metric: str) -> str:
    """A figure of merit as people write it.

    Args:
        metric: as columns name it.
    """
    return METRIC_NAMES.get(metric, metric)
