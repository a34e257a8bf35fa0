"""How numbers are written in a column of text, and what is written there in place of numbers."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from quantmia.data.texts import counted, of_each
from quantmia.errors import DataError, as_override

NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
GROUPED = r"[+-]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:[.,]\d+)?"
SIGN = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " "})  # as typesetters write them
UNIT = (
    r"(?:(?:[pnuµμmckMG]|da)?(?:M|mol|g|[lL]|m|s|A|V|Pa|Hz|J|W|eV|Da|I?U|cal)|[°º]?[CFK]|[°º%‰Å]"
    r"|pp[mb]|bar|atm|bp|min|hr?|d|days?|years?|yrs?|fold|x)"
)
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]m)?\s*(?:z|utc|[+-]\d{2}:?\d{2})?"
DATE = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
    r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})",
    rf"\d{{1,2}}[ -]{MONTH}[ -,]+\d{{2,4}}",
    rf"{MONTH} \d{{1,2}},? \d{{4}}",
)
# Whatever else begins with a number, perhaps behind a sign, a currency or `less than`.
BEGINS = (
    r"(?:[^\w\s]|[$€£¥₹]|ca\.?|approx\.?|about|less than|more than|up to|over|under"
    r"|USD|EUR|GBP|CHF|JPY|CNY|INR|pH|\s)*\d.*"
)
SHORT = r"\d+(?:[A-Za-z]|[a-z]{2})"  # a stage or a place (2a, 1st), unless there are many
# A word and a number: few of them are categories (phase 2), many are not (Jan 2024).
NAMED = r"\D*[A-Za-z].*[\s-]\d.*"
MANY = 10
GROUPING = [",", ".", "'", "\u2019", " ", "_"]
DATES = "dates or times"
NUMBERED = "texts that end in a number"  # which may be names
# What is written in place of a plain number; the first that fits half of a column is said.
KINDS = {
    DATES: "|".join([*(rf"{each}(?:[T ]+{TIME})?" for each in DATE), TIME]),
    "censored values": rf"(?:[<>≤≥~]=?|[≲≳])\s*{NUMBER}\s*{UNIT}?",
    "numbers with a currency": r"[+-]?[$€£¥]\s*[\d.,' ]*\d|[\d.,' ]*\d\s*[$€£¥]",
    "ranges, or values with an error": (
        rf"{NUMBER}\s*(?:±|\+/?-|[-–—]|to|\.\.+)\s*{NUMBER}\s*{UNIT}?|{NUMBER}\s*\({NUMBER}\)"
    ),
    "numbers with a unit": (
        rf"{NUMBER}\s*{UNIT}(?:[\^]?[-⁻]?[\d²³¹])?(?:[/·* ]{UNIT}(?:[\^]?[-⁻]?[\d²³¹])?)*"
    ),
}


@dataclass(frozen=True)
class Other:
    """What a column holds in place of plain numbers.

    Args:
        what: in words.
        example: a text of it.
        setting: the override that reads it, or empty.
    """

    what: str
    example: str
    setting: str = ""

    @property
    def advice(self) -> str:
        """What to do."""
        if self.setting:
            return f"set {self.setting}"
        return "write plain numbers in a column of their own"


@dataclass(frozen=True)
class Marks:
    """How numbers are written.

    Args:
        decimal: the mark before decimals.
        thousands: the mark between groups of three digits, if there is one.

    Raises:
        DataError: one is not a single mark, or both are the same.
    """

    decimal: str = "."
    thousands: str | None = None

    def __post_init__(self) -> None:
        for key, mark in (("decimal", self.decimal), ("thousands", self.thousands)):
            if mark is not None and (len(mark) != 1 or mark.isalnum()):
                raise DataError(f"dataset.{key}={mark}: has to be one mark, such as '.' or ','")
        if self.decimal == self.thousands:
            raise DataError(
                f"dataset.thousands={self.thousands}: is dataset.decimal too; name the one mark "
                "that stands before decimals, and the other that groups thousands"
            )

    @cached_property
    def _pattern(self) -> str:
        mark = re.escape(self.decimal)
        whole = r"\d+"
        if self.thousands is not None:
            whole = rf"(?:\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+|\d+)"
        return rf"[+-]?(?:(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?|(?i:inf|infinity))"

    def numbers(self, texts: pd.Series) -> pd.Series:
        """The numbers of texts, float64; NaN where there is something else.

        Args:
            texts: of a column.
        """
        return of_each(texts, self._numbers)

    def _numbers(self, texts: pd.Series) -> pd.Series:
        plain = texts.astype(str).str.strip().str.translate(SIGN)
        plain = plain.where(plain.str.fullmatch(self._pattern))
        if self.thousands is not None:
            plain = plain.str.replace(self.thousands, "", regex=False)
        if self.decimal != ".":
            plain = plain.str.replace(self.decimal, ".", regex=False)
        return pd.to_numeric(plain, errors="coerce").astype(np.float64)

    def other(self, unread: pd.Series) -> Other | None:
        """What most of the texts are that are no numbers by these marks.

        Args:
            unread: those texts.
        """
        if unread.empty:
            return None
        different, counts = counted(unread.astype(str))
        texts = different.str.strip().str.translate(SIGN)

        def most(fits: pd.Series) -> bool:
            return bool(counts[fits.to_numpy(bool)].sum() * 2 >= counts.sum())

        for what, pattern in KINDS.items():
            fits = texts.str.fullmatch(pattern, flags=re.IGNORECASE if what == DATES else 0)
            if most(fits):
                return Other(what, texts[fits].iloc[0])
        for mark in GROUPING:
            fits = texts.str.fullmatch(GROUPED.format(mark=re.escape(mark)))
            if mark != self.decimal and most(fits):
                like = texts.str.fullmatch(rf"[+-]?\d+{re.escape(mark)}\d+") & ~fits
                if like.any():  # some have no groups of three: the mark stands before decimals
                    break
                setting = as_override("dataset.thousands", mark)
                return Other(f"thousands grouped by '{mark}'", texts[fits].iloc[0], setting)
        for mark in [each for each in (",", ".") if each != self.decimal]:
            fits = texts.str.fullmatch(rf"[+-]?\d*{re.escape(mark)}\d+(?:[eE][+-]?\d+)?")
            if most(fits):
                setting = as_override("dataset.decimal", mark)
                return Other(f"numbers with '{mark}' before decimals", texts[fits].iloc[0], setting)
        many = texts.nunique() > MANY
        fits = texts.str.fullmatch(BEGINS, flags=re.DOTALL)
        fits &= many | ~texts.str.fullmatch(SHORT)
        if most(fits):
            return Other("texts that begin with a number", texts[fits].iloc[0])
        fits = texts.str.fullmatch(NAMED, flags=re.DOTALL)
        if many and most(fits):
            return Other(NUMBERED, texts[fits].iloc[0])
        return None
