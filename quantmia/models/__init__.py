"""Modules to train, and many of them as one. `heads` are re-exported: configurations name them."""

from quantmia.models.heads import linear, mlp

__all__ = ["linear", "mlp"]
