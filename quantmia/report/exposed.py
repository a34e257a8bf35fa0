"""The samples that are found beyond chance, with the structures of molecules drawn."""

from dataclasses import dataclass

from quantmia.errors import counted
from quantmia.report.extra import Markup

WIDTH, HEIGHT = 230, 150  # pixels of a drawing


@dataclass(frozen=True)
class Exposed:
    """A sample that the models give away.

    Args:
        identifier: as the data set calls it.
        structure: SMILES, of a molecule.
        scores: privacy score under each quantizer, by name.
    """

    identifier: str
    structure: str | None
    scores: dict[str, float]

    @property
    def drawing(self) -> Markup | None:
        """The molecule as SVG, where there is a structure that RDKit reads."""
        return draw(self.structure) if self.structure else None


@dataclass(frozen=True)
class Exposures:
    """What is said of the samples of a ranking.

    Args:
        samples: those that are named, the most exposed first.
        found: how many are found beyond chance; at most some are named.
        rate: the false discovery rate at which they are.
        runs: in how many runs.
        quantizer: under which.
    """

    samples: tuple[Exposed, ...]
    found: int
    rate: float
    runs: int
    quantizer: str

    @property
    def sentence(self) -> str:
        """How many are found, how sure that is, and how many are named."""
        how = f"at a false discovery rate of {self.rate:.0%}, from {counted(self.runs, 'run')}"
        if not self.found:
            return f"No sample is found beyond chance under {self.quantizer} {how}."
        are = "is" if self.found == 1 else "are"
        said = f"{counted(self.found, 'sample')} {are} found beyond chance under {self.quantizer}"
        said = f"{said} {how}"
        rest = len(self.samples) < self.found
        return f"{said}; the {len(self.samples)} most exposed are named." if rest else f"{said}."


def draw(smiles: str) -> Markup | None:
    """A molecule as SVG; None where RDKit cannot read it.

    Args:
        smiles: its structure.
    """
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    canvas = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    drawn = canvas.GetDrawingText()
    return Markup(drawn[drawn.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1))
