"""What is made of runs that exist: a ranking, a page, how many runs each estimator needs."""

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from quantmia.errors import FolderError, QuantmiaError
from quantmia.experiment import Audited, Recording, of_finished
from quantmia.files import write_text
from quantmia.progress import Progress
from quantmia.ranking.decision import Rule
from quantmia.ranking.efficiency import Budget, efficiency
from quantmia.ranking.exposure import most_exposed
from quantmia.ranking.joined import Joined
from quantmia.ranking.rank import rank_runs
from quantmia.ranking.resamples import Resamples
from quantmia.ranking.results import Results
from quantmia.report.load import Report
from quantmia.report.runs_needed import show_efficiency, write_efficiency
from quantmia.report.tables import write_documents
from quantmia.runs.folder import RunFolder
from quantmia.runs.merge import merge
from quantmia.runs.samples import read_names

if TYPE_CHECKING:
    from quantmia.report.exposed import Exposures

EXPOSED = 20  # samples that a page may name


def rank(
    paths: Sequence[Path], output: Path | None, cache: Path, progress: Progress
) -> tuple[Results, Path]:
    """Tables from the losses and scores of run folders, without training.

    Args:
        paths: folders of the same experiment; several are merged run by run.
        output: where the tables go (default: the folder itself, or a new one beside the first).
        cache: folder of embeddings, for attacks that read the dataset.
        progress: shows how far it is.

    Returns:
        What they say, and where the tables are.

    Raises:
        FolderError: a folder is missing or damaged, or of another experiment.
    """
    merged = merge([RunFolder(path) for path in paths])
    results = rank_runs(merged, of_finished(merged, cache, progress))
    target = made(output or beside(paths))
    write(results, target, paths)
    return results, target


def write(results: Results, path: Path, folders: Sequence[Path]) -> None:
    """Every file of a ranking but its page.

    Args:
        results: what to write.
        path: the folder.
        folders: where the runs are.
    """
    results.write(path, folders)
    write_documents(results, path)


def require_report() -> None:
    """See that a page can be made.

    Raises:
        QuantmiaError: the report extra is not installed.
    """
    importlib.import_module("quantmia.report.write")


def report(
    folders: Mapping[str, Path],
    output: Path | None,
    cache: Path,
    progress: Progress,
    expose_samples: bool,
) -> Path:
    """A page of one ranking, or one that compares several, and its figures.

    Args:
        folders: with the tables of a ranking, by the name that a comparison calls them.
        output: where the page goes (default: the folder itself, or a new one beside the first).
        cache: folder of embeddings, to name the samples.
        progress: says where it is.
        expose_samples: whether to name the samples that are found.

    Returns:
        The page.

    Raises:
        FolderError: a folder is missing, not finished or damaged.
        QuantmiaError: the report extra is not installed, or the rankings cannot be compared.
    """
    from quantmia.report.write import write_comparison, write_page  # an extra draws them

    reports = {name: Report.read(path) for name, path in folders.items()}
    target = made(output or beside(list(folders.values()), "comparison"))
    if len(reports) > 1:
        page = write_comparison(reports, target)
    else:
        (single,) = reports.values()
        exposed = _exposed(single, cache, progress) if expose_samples else None
        page = write_page(single, target, exposed)
    progress.say(f"Report: {page}")
    return page


def _exposed(of: Report, cache: Path, progress: Progress) -> "Exposures":
    """The samples of a ranking that are found beyond chance."""
    from quantmia.report.exposed import Exposed, Exposures

    merged = merge([RunFolder(path) for path in of.folders])
    quantizers = list(dict.fromkeys(of.ranking["quantizer"].iloc[[-1, 0]]))
    experiment = of_finished(merged, cache, progress)
    found = most_exposed(merged, quantizers, EXPOSED)
    scores, places = found.table[quantizers].to_numpy(), found.table.index
    names, structures = _known(experiment, of.folders[0], list(places))
    samples = [
        Exposed(name, structure, dict(zip(quantizers, map(float, row), strict=True)))
        for name, structure, row in zip(names, structures, scores, strict=True)
    ]
    return Exposures(tuple(samples), found.found, found.rate, found.runs, quantizers[0])


def _known(
    experiment: Audited, folder: Path, places: Sequence[int]
) -> tuple[list[str], Sequence[str | None]]:
    """Names and structures of samples of the pool."""
    if isinstance(experiment, Recording):
        return read_names(folder, places), [None] * len(places)
    dataset, samples = experiment.dataset, experiment.parts.pool[places]
    structures = [dataset.structures[each] if dataset.structures else None for each in samples]
    return [dataset.identifiers[each] for each in samples], structures


def front(
    folders: Mapping[str, Path], output: Path | None, rule: Rule, progress: Progress
) -> tuple[Joined, Path]:
    """Releases of several folders, trained in different ways on the same data, on one front.

    Args:
        folders: with the tables of a ranking, by the name that the front calls them.
        output: where the table and the figure go (default: a new one beside the first).
        rule: what decides between the releases.
        progress: says where it is.

    Returns:
        The front, and where it is.

    Raises:
        FolderError: a folder is missing, not finished or damaged, or has no front.
        QuantmiaError: they cannot be compared.
    """
    reports = {name: Report.read(path) for name, path in folders.items()}
    for name, each in reports.items():
        if "front" not in each.tables:
            more = (
                "record outputs of several epochs"
                if each.recorded
                else "train it with release.checkpoints=auto), or no attack looks at the others "
                "(rank it with 'attack=[lira_eb]'"
            )
            raise FolderError(
                f"{each.path} has no front: of {name} the last checkpoint alone is released "
                f"({more})."
            )
    if len(reports) < 2:
        raise QuantmiaError(
            f"{', '.join(map(str, folders.values()))}: one ranking has its front already, in "
            "front.csv; name several folders, or a sweep of several rankings."
        )
    if output and output.resolve() in {path.resolve() for path in folders.values()}:
        raise QuantmiaError(f"--output {output}: it would replace a front that is drawn from.")
    _refuse_other_data(reports)
    joined = Joined.of(
        {name: each.tables["front"] for name, each in reports.items()},
        {name: each.conclusion.runs for name, each in reports.items()},
        rule,
        {name: Resamples.read(path) for name, path in folders.items()},
    )
    target = made(output or beside(list(folders.values()), "front"))
    write_text(target / "front.csv", joined.table.to_csv(index=False))
    try:
        from quantmia.report.write import write_front
    except QuantmiaError as error:  # the table needs no extra
        progress.say(f"no figure: {error}")
    else:
        write_front(joined, target)
    return joined, target


def _refuse_other_data(reports: Mapping[str, Report]) -> None:
    """Raise a QuantmiaError where utilities are measured on other samples."""
    seen = {}
    for name, each in reports.items():
        if not each.manifest:
            raise FolderError(
                f"{each.path}: the folders with its runs are gone, and with them what data they "
                "are of; put them back, or rank them again."
            )
        seen[name] = each.manifest["dataset"]["sha256"], each.manifest["config"]["split"]
    (first, mine), *others = seen.items()
    for name, its in others:
        if its != mine:
            what = "data" if its[0] != mine[0] else "samples (split)"
            raise QuantmiaError(
                f"{reports[first].path} and {reports[name].path} are of different {what}: their "
                "utilities cannot be compared."
            )


def measure_efficiency(
    paths: Sequence[Path], output: Path | None, cache: Path, budget: Budget, progress: Progress
) -> pd.DataFrame:
    """How many runs each estimator needs, from run folders with many runs.

    Args:
        paths: folders of the same experiment; several are merged run by run.
        output: where the tables and the figure go (default: as for `rank`).
        cache: folder of embeddings, for attacks that read the dataset.
        budget: numbers of runs to compare.
        progress: shows how far it is.

    Raises:
        FolderError: a folder is missing or damaged, or of another experiment.
        QuantmiaError: too few runs or quantizers.
    """
    merged = merge([RunFolder(path) for path in paths])
    target = made(output or beside(paths))
    table, mis = efficiency(merged, budget, of_finished(merged, cache, progress))
    show_efficiency(table, mis, target)
    write_efficiency(table, mis, target)
    return table


def made(folder: Path) -> Path:
    """A folder that is there now.

    Args:
        folder: the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def beside(paths: Sequence[Path], kind: str = "merged") -> Path:
    """The folder itself, or of several a new one beside the first, named by all of them.

    Args:
        paths: the folders.
        kind: what the new one is called before that.
    """
    if len(paths) == 1:
        return paths[0]
    names = "\n".join(sorted(str(path.resolve()) for path in paths))
    return paths[0].parent / f"{kind}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
