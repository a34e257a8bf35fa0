"""The changelog, and what else names the version."""

import re
import tomllib
from datetime import date
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
UNRELEASED = "[Unreleased]"
HEADING = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def sections() -> dict[str, str]:
    """What stands below each heading of the second level."""
    _, *found = re.split(r"^## (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


def releases() -> list[tuple[tuple[int, ...], date]]:
    """Version and day of every release, as they stand."""
    found = [HEADING.fullmatch(each) for each in sections() if each != UNRELEASED]
    assert all(found), list(sections())
    numbers = [each.groups() for each in found if each]
    return [(tuple(map(int, each[:3])), date.fromisoformat(each[3])) for each in numbers]


def stated() -> str:
    """The version of the package, where it is written."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        return tomllib.load(stream)["project"]["version"]


def test_releases_go_down_from_what_is_not_released_yet():
    assert next(iter(sections())) == UNRELEASED
    assert len(sections()) == len(re.findall(r"^## ", TEXT, re.MULTILINE))  # none is there twice
    assert releases() == sorted(releases(), reverse=True)
    assert [day for _, day in releases()] == sorted((d for _, d in releases()), reverse=True)


def test_every_section_has_kinds_of_changes_in_their_order_and_changes_in_each():
    for heading, text in sections().items():
        _, *found = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
        kinds = found[::2]
        assert kinds == [each for each in KINDS if each in kinds], heading
        assert kinds or heading == UNRELEASED
        for kind, changes in zip(kinds, found[1::2], strict=True):
            lines = changes.strip().splitlines()
            assert lines, f"{heading}: {kind}"
            odd = [each for each in lines if each and not each.startswith(("- ", "  "))]
            assert not odd, f"{heading}: {kind}"


def test_the_newest_release_is_the_version_of_the_package():
    (version, day), *_ = releases()
    assert ".".join(map(str, version)) == stated()
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["version"], cited["date-released"]) == (stated(), day)


def test_the_version_is_written_in_no_module():
    for path in (ROOT / "quantmia").rglob("*.py"):
        assert f'"{stated()}"' not in path.read_text(encoding="utf-8"), path
