"""Quantizers that do not suit an experiment, refused before any work."""

from collections.abc import Mapping

from quantmia.config.schema import ExperimentConfig
from quantmia.errors import QuantmiaError
from quantmia.quantizers import Function, Quantizer
from quantmia.quantizers.contract import refusal
from quantmia.quantizers.wrapper import Wrapper


def refuse_unsuited(quantizers: Mapping[str, Quantizer], config: ExperimentConfig) -> None:
    """See that results can rely on all quantizers, and that each sees what it wants to.

    Args:
        quantizers: by name.
        config: of the experiment.

    Raises:
        QuantmiaError: one of the user's own breaks a rule, or one cannot be used as it is to be.
    """
    for name, quantizer in quantizers.items():
        if _is_own(quantizer) and (broken := refusal(quantizer)):
            raise QuantmiaError(
                f"quantizer.{name}: {broken}. 'quantmia check quantizer={name}' tells all."
            )
        _refuse_in_training(name, quantizer, config)
        if quantizer.looks_at:
            _refuse_rows(name, *quantizer.looks_at, config)


def _refuse_in_training(name: str, quantizer: Quantizer, config: ExperimentConfig) -> None:
    if name != config.training.qat:
        return
    if quantizer.fits_a_step:
        if config.training.dp.wanted and quantizer.inputs_in_a_step:
            raise QuantmiaError(
                f"training.qat={name}: rounds activations, which the clipped gradients of "
                f"training.dp do not: use the scheme of weights (quantizer.{name}.scheme)"
            )
        return
    does = "looks at data" if quantizer.looks_at else "does what no step of training can"
    within = f": the one that it is made of (quantizer.{name}.scheme)"
    raise QuantmiaError(
        f"training.qat={name}: {does}; in training a scheme of weights is taken, or activations "
        f"with ranges=row{'' if _scheme(quantizer) is None else within}"
    )


def _refuse_rows(name: str, source: str, rows: int, config: ExperimentConfig) -> None:
    """Raise a QuantmiaError where there are no such rows, or a promise would be broken by them."""
    apart, audit = config.split.calibration, config.calibration.audit
    if source == "members" and config.training.dp.wanted:
        raise QuantmiaError(
            f"quantizer.{name}.source=members: would see the members without the noise that "
            "training.dp promises: use calibration.source=noise, or apart and "
            f"split.calibration={rows}"
        )
    if source == "noise" and config.split.standardise is False:
        raise QuantmiaError(
            f"quantizer.{name}.source=noise: is as wide as standardised features, and "
            "split.standardise=false leaves them as they are: use split.standardise=true"
        )
    if audit and (source == "members" or (source == "apart" and apart < rows + 2)):
        raise QuantmiaError(
            f"quantizer.{name}: calibration.audit=true tells the rows that it is shown from others "
            "that are set apart too: it needs source=apart and rows at most split.calibration - 2, "
            f"and has source={source}, rows={rows}, split.calibration={apart}"
        )
    if source == "apart" and apart < 2:
        raise QuantmiaError(
            f"quantizer.{name}.source=apart: split.calibration={apart} sets too few samples apart: "
            f"give {rows}, or use source=members"
        )


def _is_own(quantizer: Quantizer) -> bool:
    """Whether a user wrote it, or what it is made of; ours are tested."""
    if (scheme := _scheme(quantizer)) is not None:
        return _is_own(scheme)
    return isinstance(quantizer, Function) or not type(quantizer).__module__.startswith("quantmia.")


def _scheme(quantizer: Quantizer) -> Quantizer | None:
    """What another is made of, if it is."""
    return quantizer.scheme if isinstance(quantizer, Wrapper) else None
