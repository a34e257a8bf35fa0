"""Blocks of code of a page: what a reader would type, and what the page says that is printed.

Before a block a comment may stand, which a reader of the source would accept:
`<!-- not run: why -->`, `<!-- numbers near: why -->` (what hangs on the processor),
`<!-- numbers free: why -->` (what is another one each time).
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- (?P<how>not run|numbers near|numbers free): (?P<why>.+?) -->\n)?"
    r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
NAME = re.compile(r"`([\w/]+\.(?:py|yaml))`[^`]*\n\n\Z")
KINDS = ("bash", "console", "python", "text", "yaml")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Args:
        kind: its language.
        text: between the fences.
        how: it is compared, or `not run`.
        why: the reason for that.
        name: of the file that the text before the block calls it; empty: of none.
    """

    kind: str
    text: str
    how: str
    why: str
    name: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Every command, and what is printed by the page: nothing where it prints nothing."""
        if self.kind == "bash":
            for command in self.text.replace("\\\n", " ").splitlines():
                if command.strip():
                    yield command, ""
            return
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = re.split(r"(?<!\\)\n", part, maxsplit=1)
            yield lines[0].replace("\\\n", " "), lines[1]


def blocks(page: str) -> list[Block]:
    """Those of a page, in its order.

    Args:
        page: Markdown.
    """
    found = []
    for each in BLOCK.finditer(page):
        named = NAME.search(page[: each.start()])
        how, why = each["how"] or "", each["why"] or ""
        found.append(Block(each["kind"], each["text"], how, why, named[1] if named else ""))
    return found


def words(command: str) -> list[str] | None:
    """The arguments of a plain call of quantmia; None of a command that needs a shell.

    Args:
        command: as it is typed.
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found = list(lexer)
    plain = not any(set(each) <= set("();<>|&") for each in found if each)
    return found[1:] if plain and found[0] == "quantmia" else None


def write(block: Block, folder: Path) -> None:
    """Write a block that is called a file.

    Args:
        block: has a name.
        folder: of the reader.
    """
    path = folder / block.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
