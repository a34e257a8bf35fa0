"""The page of claims: verdicts, effects, and where each number is from. Written by no hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quantmia.report.numbers import plain, with_interval
from quantmia.report.tables import markdown
from scripts.paper.cases import SAME, Case, by_trait, counted, verdict
from scripts.paper.claims import CLAIMS, Claim
from scripts.paper.studies import short

LISTED = 12  # cases; of more, the page shows counts, and claims.csv every one


def table_of(judged: Mapping[str, Sequence[Case]]) -> pd.DataFrame:
    """Every case of every claim.

    Args:
        judged: cases by claim.
    """
    rows = [{"claim": key} | case.row() for key, cases in judged.items() for case in cases]
    return pd.DataFrame(rows)


def summary_of(judged: Mapping[str, Sequence[Case]]) -> pd.DataFrame:
    """One row a claim.

    Args:
        judged: cases by claim.

    Returns:
        `claim, verdict, holds, fails, open`, the last three counts of cases.
    """
    rows = []
    for key, cases in judged.items():
        rows.append({"claim": key, "verdict": verdict(cases)} | _counts(cases))
    return pd.DataFrame(rows)


def page(judged: Mapping[str, Sequence[Case]], manifest: Mapping[str, Any]) -> str:
    """All claims as Markdown.

    Args:
        judged: cases by claim.
        manifest: of the studies.
    """
    claims = [claim for claim in CLAIMS if claim.key in judged]
    summary = summary_of(judged)
    summary.insert(0, "", [claim.title for claim in claims])
    head = [
        "# The paper's claims, measured\n",
        "Aubinais, Formont, Piantanida, Gassiat, arXiv 2502.06567. Written by `make tables`; "
        "do not edit.\n",
        "A case is one setting, and where several things are measured, one of these. It holds or "
        "fails when its 95 % interval lies on one side of the threshold, and stays open when the "
        "interval contains it or there is none. A claim holds or fails when half of its cases are "
        "decided and nine in ten of these agree: intervals are not corrected for the number of "
        "cases, and a few are astray. Two scales of the codebooks whose effects differ by no more "
        f"than {SAME} count once. If fewer are decided it holds or fails on average when the "
        "means of the cases do, and else is open. Otherwise it depends on something: what "
        "is named is the trait that explains most of the difference among its cases (adjusted R²). "
        "Repetitions differ in members, initialisations and batches; unless a study says otherwise "
        "they share the data and the held-out samples, and intervals are about these.\n",
        markdown(summary.astype(str)),
    ]
    return "\n".join([*head, *(_section(claim, judged[claim.key], manifest) for claim in claims)])


def _section(claim: Claim, cases: Sequence[Case], manifest: Mapping[str, Any]) -> str:
    lines = [
        f"## {claim.title}: {verdict(cases)}\n",
        "{holds} cases hold, {fails} fail, {open} are open.\n".format(**_counts(cases)),
        f"> {claim.statement}\n",
        f"A case holds when {claim.rule}\n",
        _effects(cases),
    ]
    if len(cases) <= LISTED:
        lines.append(_cases(cases))
    else:
        means = [case for case in cases if case.on_average]
        lines += [_cases(means)] if means else []
        traits = by_trait(counted(cases))
        traits["share"] = [plain(share, 2) for share in traits["share"]]
        lines.append(markdown(traits.astype(str)))
    names = sorted({case.study for case in cases})
    lines.append(_source(claim, names, manifest))
    return "\n".join(lines)


def _effects(cases: Sequence[Case]) -> str:
    """The range of every effect over its cases."""
    rows = []
    cases = counted(cases)
    for effect in dict.fromkeys(case.effect for case in cases):
        mine = [case for case in cases if case.effect == effect]
        values = pd.Series([case.found.value for case in mine])
        row = {"effect": effect, "least": values.min(), "median": values.median()}
        shown = {name: cell if isinstance(cell, str) else plain(cell) for name, cell in row.items()}
        rows.append(shown | {"most": plain(values.max())} | _counts(mine))
    return markdown(pd.DataFrame(rows))


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    states = [case.state for case in counted(cases)]
    return {state: str(states.count(state)) for state in ("holds", "fails", "open")}


def _cases(cases: Sequence[Case]) -> str:
    rows = [
        {
            "data": case.study,
            "setting": short(case.setting),
            "effect": case.effect,
            "value": with_interval(case.found.value, case.found.low, case.found.high),
            "": case.state,
            "detail": case.detail,
        }
        for case in cases
    ]
    return markdown(pd.DataFrame(rows))


def _source(claim: Claim, names: Sequence[str], manifest: Mapping[str, Any]) -> str:
    studies = [manifest["studies"][name] for name in names if name in manifest["studies"]]
    lines = [f"- Numbers: `numbers/{claim.file}`; every case: `claims.csv`, claim `{claim.key}`."]
    for each in studies:
        seeds = ", ".join(str(seed) for seed in each["seeds"])
        lines.append(f"- `{each['command']}`, seeds {seeds}, commit {each['commit']}.")
    return "\n".join(lines) + "\n"
