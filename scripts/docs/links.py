"""Links of a page to files of the repository that are not among the pages."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
PAGES = "docs/"


def path_of(uri: str) -> str:
    """Where a page of the site is in the repository.

    Pages are those of docs/, which is not part of their addresses; other files keep their paths.

    Args:
        uri: of the page, in the site.
    """
    elsewhere = uri.startswith("results/") or uri == "CONTRIBUTING.md"
    return uri if elsewhere else f"{PAGES}{uri}"


def linked(text: str, path: str) -> Iterator[str]:
    """Files and folders of the repository that a text links to.

    Args:
        text: Markdown.
        path: of its file in the repository.
    """
    for _, link, _ in LINK.findall(text):
        if "://" not in link and not link.startswith("mailto:"):
            yield normpath(str(PurePosixPath(path).parent / link))


def outside(root: Path, text: str, path: str) -> set[str]:
    """Those that have to be brought to the site, with what these link to in turn.

    Args:
        root: of the repository.
        text: Markdown.
        path: of its file in the repository.
    """
    found: set[str] = set()
    waiting = [(text, path)]
    while waiting:
        for each in linked(*waiting.pop()):
            if each.startswith(PAGES) or each in found or not (root / each).is_file():
                continue
            found.add(each)
            if each.endswith(".md"):
                waiting.append(((root / each).read_text(encoding="utf-8"), each))
    return found


def in_site(text: str, uri: str) -> str:
    """A text whose links hold in the site, where pages have left docs/.

    Args:
        text: Markdown, with links as in the repository.
        uri: of the page, in the site.
    """
    path = path_of(uri)

    def moved(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        if "://" in link or link.startswith("mailto:"):
            return match[0]
        target = normpath(str(PurePosixPath(path).parent / link))
        target = target.removeprefix(PAGES)
        return f"{before}{relpath(target, str(PurePosixPath(uri).parent))}{after}"

    return LINK.sub(moved, text)
