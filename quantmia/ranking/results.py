"""What a ranking concludes: its tables and facts, which write and read themselves."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd

from quantmia.errors import FolderError
from quantmia.files import read_json, write_json, write_text
from quantmia.ranking.advice import advice
from quantmia.ranking.audit import trusted_attack
from quantmia.ranking.conclusion import Conclusion, Key
from quantmia.ranking.decision import Decision, Rule
from quantmia.ranking.resamples import NAME, Resamples
from quantmia.ranking.stored import OPTIONAL, read_tables
from quantmia.ranking.tables import attacks_of
from quantmia.ranking.verdict import Caution
from quantmia.ranking.words import answer

CONCLUSION = "conclusion.json"


@dataclass(frozen=True, kw_only=True)
class Results:
    """Tables and what they say.

    Args:
        tables: by file name without ending: ranking, attacks, utility, pairs; of losses indicator,
            correlation, diagnostics and trajectory; where there are any front, roc, epsilon,
            calibration.
        conclusion: what leaks least, and how sure that is.
        cautions: what a reader must know before believing it.
        confidence: of every interval.
        missing: runs that are in none of the folders, in words.
        diverged: runs left out because their training diverged.
        rule: what decides between the releases of a front; None where it is not known.
        folders: where the runs are; none before it is written.
        resamples: of the releases; None where they are not at hand.
    """

    tables: dict[str, pd.DataFrame]
    conclusion: Conclusion
    cautions: Sequence[Caution]
    confidence: float
    missing: Sequence[str] = ()
    diverged: Sequence[str] = ()
    rule: Rule | None = None
    folders: Sequence[Path] = ()
    resamples: Resamples | None = None

    @property
    def ranking(self) -> pd.DataFrame:
        """One row a quantizer, the most private first."""
        return self.tables["ranking"]

    @property
    def attacks(self) -> pd.DataFrame:
        """AUC, advantage, MIS and TPR at low FPR of every quantizer and attack."""
        return self.tables["attacks"]

    @property
    def indicator(self) -> pd.DataFrame:
        """r_Q of every run, quantizer and variant.

        Raises:
            KeyError: outputs were recorded without losses.
        """
        return self.tables["indicator"]

    @property
    def of_losses(self) -> bool:
        """Whether losses were measured along the training, without which there is no r_Q."""
        return "indicator" in self.tables

    @property
    def utility(self) -> pd.DataFrame:
        """Figures of merit of every run and quantizer."""
        return self.tables["utility"]

    @property
    def answer(self) -> str:
        """The conclusion in words."""
        return answer(self.conclusion)

    @cached_property
    def decision(self) -> Decision | None:
        """What to ship; None where only the last checkpoint is a release."""
        if "front" not in self.tables or self.rule is None:
            return None
        front = self.tables["front"]
        attack = trusted_attack(attacks_of(front))
        assert attack is not None
        return Decision.of(front, attack, self.conclusion.runs, self.rule)

    @property
    def advice(self) -> list[str]:
        """The decision in words, a sentence each; none where there is none."""
        return advice(self.decision) if self.decision else []

    @property
    def warnings(self) -> list[str]:
        """What to know before believing it, in words."""
        return [caution.text for caution in self.cautions]

    @property
    def trusted(self) -> str | None:
        """The attack that orders the ranking; None without attacks."""
        return self.conclusion.trusted

    @property
    def key(self) -> Key:
        """What orders the ranking."""
        return self.conclusion.key

    @property
    def metric(self) -> str:
        """The utility's name as people write it."""
        return self.conclusion.metric

    @property
    def attack_names(self) -> list[str]:
        """The attacks, the one that orders the ranking first."""
        names = list(dict.fromkeys(self.attacks["attack"])) if self.trusted else []
        return sorted(names, key=lambda name: name != self.trusted)

    def write(self, path: Path, folders: Sequence[Path]) -> None:
        """Every table as CSV, and the conclusion as JSON.

        Args:
            path: the folder.
            folders: where the runs are.
        """
        for name in OPTIONAL:
            if name not in self.tables:  # of an earlier ranking, by other attacks
                (path / f"{name}.csv").unlink(missing_ok=True)
        for name, table in self.tables.items():
            write_text(path / f"{name}.csv", table.to_csv(index=False))
        (path / NAME).unlink(missing_ok=True)
        if self.resamples:
            self.resamples.write(path)
        content = {
            "answer": self.answer,
            "advice": self.advice,
            "decision": self.decision.facts() if self.decision else None,
            "conclusion": self.conclusion.facts(),
            "warnings": [asdict(caution) for caution in self.cautions],
            "trusted": self.trusted,
            "confidence": self.confidence,
            "missing": list(self.missing),
            "diverged": list(self.diverged),
            "folders": [os.path.relpath(folder, path) for folder in folders],
        }
        write_json(path / CONCLUSION, content)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote; the conclusion is drawn from the tables again.

        Args:
            path: the folder.

        Raises:
            FolderError: it is missing, not finished or damaged; the message says what to do.
        """
        tables = read_tables(path)
        content = read_json(path / CONCLUSION)
        decided = content.get("decision")  # which older versions did not write
        try:
            return cls(
                tables=tables,
                conclusion=Conclusion.of(
                    tables["ranking"], tables["pairs"], content["trusted"], content["confidence"]
                ),
                cautions=[Caution(**each) for each in content["warnings"]],
                confidence=content["confidence"],
                missing=content.get("missing", ()),  # which older versions did not write
                diverged=content.get("diverged", ()),
                rule=Rule(**decided["rule"]) if decided else None,
                folders=[path / folder for folder in content["folders"]],
            )
        except (KeyError, TypeError):
            raise FolderError(
                f"{path / CONCLUSION} is missing or damaged; 'quantmia rank {path}' writes it "
                "again."
            ) from None
