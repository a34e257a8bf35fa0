"""The samples that are found most easily, with the structures of molecules drawn."""

from dataclasses import dataclass

from markupsafe import Markup

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
