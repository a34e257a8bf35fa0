"""What every quantizer has to obey, in words, and where one breaks it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from quantmia.quantizers.base import Quantizer

CLOSE = 1e-5  # relative to the largest weight: what rounding may do


@dataclass(frozen=True)
class Rule:
    """One law.

    Args:
        law: what holds.
        why: what goes wrong without it.
        broken: says how a quantizer breaks it on some rows, or nothing.
        required: whether breaking it makes results wrong; the others are good to know.
    """

    law: str
    why: str
    broken: Callable[[Quantizer, Tensor], str | None]
    required: bool = True


def examples() -> Iterator[tuple[str, Tensor]]:
    """Rows that quantizers stumble over, with what they are."""
    rng = torch.Generator().manual_seed(0)
    gaussian = torch.randn(3, 257, generator=rng)
    yield "Gaussian weights", gaussian
    yield "a long row", torch.randn(2, 5000, generator=rng) * 0.05
    yield "a single weight a row", torch.tensor([[0.3], [-2.0], [0.0]])
    yield "zeros", torch.zeros(2, 16)
    yield "equal weights", torch.full((2, 16), -0.7)
    yield "positive weights", gaussian.abs() + 1
    yield "weights of which many are zero", gaussian * (gaussian.abs() > 0.5)
    yield "few distinct values", gaussian.sign() * torch.tensor([[0.5], [1.0], [0.25]])
    yield "one outlier", torch.cat([gaussian, torch.full((3, 1), 1e4)], 1)
    yield "very small weights", gaussian * 1e-30
    yield "large weights", gaussian * 1e3
    sizes = torch.logspace(-6, 3, 16).repeat_interleave(32)  # for schemes that want whole blocks
    yield "512 weights of many sizes", torch.randn(2, 512, generator=rng) * sizes


def _shape(quantizer: Quantizer, rows: Tensor) -> str | None:
    found = quantizer.quantize_rows(rows)
    if not isinstance(found, Tensor):
        return f"returns a {type(found).__name__}"
    if found.shape != rows.shape:
        return f"returns {list(found.shape)} for {list(rows.shape)}"
    return None if found.dtype == rows.dtype else f"returns {found.dtype} for {rows.dtype}"


def _finite(quantizer: Quantizer, rows: Tensor) -> str | None:
    bad = int((~torch.isfinite(quantizer.quantize_rows(rows))).sum())
    return f"returns {bad} NaN or infinite weights" if bad else None


def _untouched(quantizer: Quantizer, rows: Tensor) -> str | None:
    given = rows.clone()
    quantizer.quantize_rows(given)
    return None if torch.equal(given, rows) else "changes the weights it is given"


def _repeatable(quantizer: Quantizer, rows: Tensor) -> str | None:
    first, second = (quantizer.quantize_rows(rows.clone()) for _ in range(2))
    same = torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)
    return None if same else "two calls give different weights"


def _independent(quantizer: Quantizer, rows: Tensor) -> str | None:
    together = quantizer.quantize_rows(rows)
    alone = torch.cat([quantizer.quantize_rows(row.clone()) for row in rows.split(1)])
    moved = _largest_move(together, alone, rows)
    return f"a row alone and among others differs by {moved:.2g}" if moved else None


def _codebook(quantizer: Quantizer, rows: Tensor) -> str | None:
    bits = quantizer.bits_per_weight
    if math.isnan(bits):
        return None  # what it takes is counted where it is used
    if not bits > 0:
        return f"states {bits} bits a weight"
    most = max(len(torch.unique(row)) for row in quantizer.quantize_rows(rows))
    if most > 2**bits * (1 + 1e-9):
        return f"a row has {most} different values, and {bits:.3g} bits number {2**bits:.0f}"
    return None


def _idempotent(quantizer: Quantizer, rows: Tensor) -> str | None:
    once = quantizer.quantize_rows(rows)
    moved = _largest_move(once, quantizer.quantize_rows(once.clone()), rows)
    return f"quantizing twice moves a weight by {moved:.2g}" if moved else None


def _largest_move(a: Tensor, b: Tensor, rows: Tensor) -> float:
    """The largest difference, or 0 if it is rounding."""
    moved = float((a.double() - b.double()).abs().max())
    return moved if moved > CLOSE * float(rows.abs().max()) else 0.0


def _culprit(rule: Rule, quantizer: Quantizer, rows: Tensor) -> str:
    """The row that breaks a rule by itself, with its weights, where others do not."""
    bad = [number for number, row in enumerate(rows.split(1)) if _broken(rule, quantizer, row)]
    if not bad or len(bad) == len(rows):
        return ""
    row = rows[bad[0]]
    shown = ", ".join(f"{weight:.4g}" for weight in row[:4].tolist())
    return f", row {bad[0]}: {shown}{', ...' if row.numel() > 4 else ''}"


def _broken(rule: Rule, quantizer: Quantizer, rows: Tensor) -> str | None:
    """How a quantizer breaks a rule on some rows, raising an error being one way, or None."""
    try:
        return rule.broken(quantizer, rows.clone())
    except Exception as error:  # a user's code can raise anything
        said = [type(error).__name__, *str(error).strip().splitlines()[:1]]
        return f"raises {': '.join(said)}"


RULES = (
    Rule("keeps the shape and the type", "a model could not run", _shape),
    Rule("keeps weights finite", "losses would be NaN", _finite),
    Rule("leaves its input alone", "training would go on from quantized weights", _untouched),
    Rule("is repeatable", "the same config would not give the same bits", _repeatable),
    Rule("treats each row by itself", "runs would depend on each other", _independent),
    Rule("stays within its bits", "the bits in the tables would be wrong", _codebook),
    Rule(
        "is idempotent",
        "quantizing a quantized model again changes it",
        _idempotent,
        required=False,
    ),
)


def refusal(quantizer: Quantizer) -> str | None:
    """The first required rule that a quantizer breaks, and how, or None.

    Args:
        quantizer: to try on `examples()`.
    """
    broken = ((rule, found) for rule, found in verdicts(quantizer) if rule.required and found)
    rule, found = next(broken, (None, None))
    return f"breaks the rule '{rule.law}': {found}; {rule.why}" if rule else None


def verdicts(quantizer: Quantizer) -> Iterator[tuple[Rule, str | None]]:
    """Every rule with where it is broken first, or None; stops when nothing more can be tried.

    Args:
        quantizer: to try on `examples()`.
    """
    for rule in RULES:
        found = None
        for name, rows in examples():
            if broken := _broken(rule, quantizer, rows):
                found = f"{broken} ({name}{_culprit(rule, quantizer, rows)})"
                break
        yield rule, found
        if found and rule is RULES[0]:
            return
