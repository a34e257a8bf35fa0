"""Whether a command printed what a page says that it prints."""

import re

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
PICTURE = re.compile(r"\s*(\d\.\d\d)?│[^│]*")  # a row of the picture in characters
HASH = re.compile(r"\b[0-9a-f]{64}\b")
LEFT_OUT = "..."
NEAR = 0.05  # a number of the page that may be another processor's


def difference(shown: str, printed: str, how: str = "") -> str:
    """What a page shows that was not printed, with where it stood; nothing if all was.

    Spaces and ends of lines do not count, so that a page may break lines. `...` stands for whatever
    comes, at the end of a word for the rest of its line.

    Args:
        shown: by the page.
        printed: by the command.
        how: `numbers near` or `numbers free`, of which the marks of a picture are some.
    """
    rest = _words(printed, how)
    open_end = False
    for part in _parts(shown):
        if part == LEFT_OUT:
            open_end = True
            continue
        wanted = _words(part, how)
        starts = range(len(rest) - len(wanted) + 1) if open_end else range(1)
        place = next((at for at in starts if _same(wanted, rest[at:], how)), None)
        if place is None:
            return f"shown: {part}\nprinted: {' '.join(rest)}"
        rest, open_end = rest[place + len(wanted) :], False
    return f"printed, and not shown: {' '.join(rest)}" if rest and not open_end else ""


def _parts(shown: str) -> list[str]:
    """What is shown together, and where something is left out."""
    parts: list[str] = [""]
    for line in shown.splitlines():
        if line.strip() == LEFT_OUT:
            parts += [LEFT_OUT, ""]
        elif line.endswith(f" {LEFT_OUT}"):
            parts[-1] += f"\n{line.removesuffix(LEFT_OUT)}"
            parts += [LEFT_OUT, ""]
        else:
            parts[-1] += f"\n{line}"
    return [each for each in parts if each.strip()]


def _words(text: str, how: str) -> list[str]:
    lines = text.splitlines()
    if how:
        lines = [each for each in lines if not PICTURE.fullmatch(each)]
    return " ".join(lines).split()


def _same(wanted: list[str], found: list[str], how: str) -> bool:
    """Whether some words are the first of others."""
    pairs = zip(wanted, found, strict=False)
    return len(found) >= len(wanted) and all(_alike(*pair, how) for pair in pairs)


def _alike(shown: str, printed: str, how: str) -> bool:
    if shown == printed or not how:
        return shown == printed
    if how == "numbers free":
        shown, printed = HASH.sub("0", shown), HASH.sub("0", printed)
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return how == "numbers free" or all(_near(float(one), float(two)) for one, two in pairs)


def _near(one: float, two: float) -> bool:
    return abs(one - two) <= NEAR * max(1.0, 2 * abs(one))
