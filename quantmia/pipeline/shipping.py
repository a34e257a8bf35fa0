"""What is said of models before they are shipped: a gate, a certificate."""

from collections.abc import Sequence
from pathlib import Path

from quantmia.errors import FolderError
from quantmia.experiment import of_finished
from quantmia.files import write_json
from quantmia.pipeline.finished import beside, made
from quantmia.progress import Progress
from quantmia.ranking.certificate import Certificate, certificate
from quantmia.ranking.gate import Gate, gate
from quantmia.report.load import Report
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.vocabulary import LAST


def decide(
    paths: Sequence[Path],
    output: Path | None,
    cache: Path,
    limit: float,
    against: str | None,
    progress: Progress,
) -> tuple[Gate, Path]:
    """Whether what leaks is below a limit, written as `gate.json`.

    Args:
        paths: folders of the same experiment; several are merged run by run.
        output: where the file goes (default: as for `rank`).
        cache: folder of embeddings, for attacks that read the dataset.
        limit: of the attacker's advantage.
        against: the variant that others are compared with; None: none is.
        progress: shows how far it is.

    Returns:
        The verdicts, and the file.

    Raises:
        FolderError: a folder is missing or damaged, or of another experiment.
        QuantmiaError: there is no such variant, or no attack that the runs allow.
    """
    merged = merge([RunFolder(path) for path in paths])
    found = gate(merged, of_finished(merged, cache, progress), limit, against)
    path = made(output or beside(paths)) / "gate.json"
    write_json(path, found.facts() | {"sentences": found.sentences, "model_card": found.card})
    return found, path


def certify(
    path: Path,
    output: Path | None,
    cache: Path,
    run: int,
    quantizer: str | None,
    checkpoint: str | None,
    progress: Progress,
) -> tuple[Certificate, Path]:
    """What guesses about its members show of one released model, written as `certificate.json`.

    Args:
        path: a ranked folder.
        output: where the file goes (default: the folder itself).
        cache: folder of embeddings, for attacks that read the dataset.
        run: the model.
        quantizer: of the release (default: what the ranking says to ship).
        checkpoint: of the release (default: the same, or the last one of a named quantizer).
        progress: shows how far it is.

    Returns:
        The certificate, and the file.

    Raises:
        FolderError: the folder is missing, not finished or damaged, or says to ship nothing.
        QuantmiaError: there is no such release or run, or no bound holds.
    """
    report = Report.read(path)
    name, at = to_ship(report, quantizer, checkpoint)
    merged = merge([RunFolder(folder) for folder in report.folders])
    experiment = of_finished(merged, cache, progress)
    found = certificate(merged, experiment, name, at, run)
    file = made(output or path) / "certificate.json"
    write_json(file, found.facts())
    return found, file


def to_ship(report: Report, quantizer: str | None, checkpoint: str | None) -> tuple[str, str]:
    """Quantizer and checkpoint that are meant.

    Args:
        report: of the ranking.
        quantizer: that was named; None: what the ranking says to ship.
        checkpoint: that was named; None: the same, or the last one of a named quantizer.

    Raises:
        FolderError: nothing was named, and the ranking says to ship nothing.
    """
    if quantizer is not None:
        return quantizer, checkpoint or LAST
    ship = report.decision and report.decision.ship
    if not ship:
        raise FolderError(f"{report.path} says to ship nothing: name a release, --quantizer NAME")
    return ship.quantizer, checkpoint or ship.checkpoint
