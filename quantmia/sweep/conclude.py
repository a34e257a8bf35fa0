"""The end of a sweep: one ranking over what finished, and what did not by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from quantmia.errors import DONE, FAILED, FolderError, QuantmiaError, counted
from quantmia.files import write_text
from quantmia.pipeline import finished
from quantmia.progress import Progress
from quantmia.ranking.results import Results
from quantmia.report.terminal import show, summary
from quantmia.runs.folder import RunFolder
from quantmia.sweep.groups import Group, grouped
from quantmia.sweep.places import slug
from quantmia.sweep.plan import Job, Plan
from quantmia.sweep.status import Standing, again, standings


@dataclass(frozen=True)
class Ranked:
    """The ranking of a group.

    Args:
        group: which.
        results: what it says.
        path: where its tables are.
    """

    group: Group
    results: Results
    path: Path


def conclude(plan: Plan, cache: Path, progress: Progress, verbose: bool = False) -> int:
    """Rank what finished of a sweep and name the rest.

    Args:
        plan: of the sweep.
        cache: folder of embeddings, for attacks that read the dataset.
        progress: shows how far it is.
        verbose: whether to print r_Q and all that is to be known of it.

    Returns:
        The exit code: whether every job finished and could be ranked.
    """
    found = standings(plan)
    ranked, code = [], DONE
    groups = grouped(_finished(plan, found))
    for group in groups:
        try:
            ranked.append(_rank(plan, group, len(groups), cache, progress, verbose))
        except QuantmiaError as error:
            progress.say(f"error: {group.label or plan.path}: {error}")
            code = FAILED
    if len(groups) > 1 and ranked:
        _write_together(plan, ranked)
    if ranked and any(_wants_report(group) for group in groups):
        places = _named(plan, [(each.group, each.path) for each in ranked])
        try:
            finished.report(places, plan.path, cache, progress, expose_samples=False)
        except QuantmiaError as error:
            progress.say(f"error: report: {error}")
            code = FAILED
    rest = [each for each in found if each.state != "done"]
    if rest:
        name(plan, rest, len(found), progress)
        code = FAILED
    return code


def name(plan: Plan, rest: Sequence[Standing], jobs: int, progress: Progress) -> None:
    """Say which jobs did not finish, why, and how to run just them.

    Args:
        plan: of the sweep.
        rest: the jobs that did not finish.
        jobs: how many there are.
        progress: says it.
    """
    progress.say(f"{len(rest)} of {jobs} jobs did not finish:")
    for each in rest:
        done = f" after {each.runs} of {each.planned} runs" if each.planned else ""
        why = f": {each.why}" if each.why else ""
        log = f"\n    {each.log}" if each.log else ""
        progress.say(f"  {each.job.folder}: {each.state}{done}{why}{log}")
    progress.say(f"To run just them:\n  {again(plan)}")


def rankings(plan: Plan) -> dict[str, Path]:
    """Where the rankings of a sweep are, by what tells them apart.

    Args:
        plan: of the sweep.

    Raises:
        FolderError: no job has finished.
    """
    groups = grouped(_finished(plan, standings(plan)))
    if not groups:
        raise FolderError(
            f"{plan.path}: no job has finished; 'quantmia status {plan.path}' says how they stand."
        )
    return _named(plan, [(group, _place(plan, group, len(groups))) for group in groups])


def _named(plan: Plan, places: Sequence[tuple[Group, Path]]) -> dict[str, Path]:
    """Folders by their group's label; of those with the same one, by their own name too."""
    found: dict[str, Path] = {}
    for group, path in places:
        label = group.label or plan.path.name
        found[f"{label} ({path.name})" if label in found else label] = path
    return found


def _finished(plan: Plan, found: Sequence[Standing]) -> list[tuple[Job, RunFolder]]:
    return [(each.job, RunFolder(plan.folder(each.job))) for each in found if each.state == "done"]


def _wants_report(group: Group) -> bool:
    wanted = _report_of(group)
    return bool(wanted.get("page") or wanted.get("expose_samples"))


def _report_of(group: Group) -> dict[str, bool]:
    """What its jobs were asked to report; older ones do not say."""
    return group.folders[0].manifest()["config"].get("report", {})


def _place(plan: Plan, group: Group, groups: int) -> Path:
    """The folder of a group's tables."""
    own = group.folders[0].path
    if len(group.folders) == 1 and groups > 1 and (own / "ranking.csv").exists():
        return own
    return plan.path if groups == 1 else plan.path / "merged" / slug(group.label)


def _rank(
    plan: Plan, group: Group, groups: int, cache: Path, progress: Progress, verbose: bool
) -> Ranked:
    path = _place(plan, group, groups)
    if path == group.folders[0].path:
        return Ranked(group, Results.read(path), path)
    paths = [folder.path for folder in group.folders]
    path.mkdir(parents=True, exist_ok=True)
    results, _ = finished.rank(paths, path, cache, progress)
    if groups == 1:
        show(results, path, verbose or _report_of(group).get("verbose", False))
    return Ranked(group, results, path)


def _write_together(plan: Plan, ranked: Sequence[Ranked]) -> None:
    """All rankings in one table, the groups' labels first."""
    together = pd.concat(
        [each.results.ranking.assign(group=each.group.label) for each in ranked], ignore_index=True
    )
    columns = ["group", *[column for column in together.columns if column != "group"]]
    write_text(plan.path / "ranking.csv", together[columns].to_csv(index=False))
    for each in ranked:
        _show_group(each)
    print(f"Files: {plan.path / 'ranking.csv'}, and of each group:")
    for each in ranked:
        print(f"  {each.group.label}: {each.path}")


def _show_group(ranked: Ranked) -> None:
    """Print a short table of one group, and its answer."""
    title = f"{ranked.group.label} ({counted(len(ranked.group.jobs), 'job')})"
    summary(ranked.results, title)
    for note in ranked.results.missing:
        print(f"note: {note}")
    for said in ranked.results.advice or [ranked.results.answer]:
        print(said)
    print()
