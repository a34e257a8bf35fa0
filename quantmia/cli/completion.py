"""Completion in bash, zsh and fish: commands by us, what follows `run` by Hydra."""

import os
from collections.abc import Callable, Iterable, Sequence

from quantmia.cli.choices import GROUPS
from quantmia.errors import DONE, QuantmiaError

# Each asks with the line up to the cursor, and leaves to the shell's files where there is no
# answer. Hydra's own for bash takes = out of the characters that part words for all commands.
BASH = """\
_quantmia() {
    local line=${COMP_LINE:0:COMP_POINT} word IFS=$'\\n'
    word=${line##* }
    COMPREPLY=($(compgen -W "$(COMP_LINE=$line quantmia -sc query=bash)" -- "$word"))
    # Bash puts what it is answered behind the last = of the word.
    if [[ $COMP_WORDBREAKS == *=* && $word == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}")
    fi
}
complete -o nospace -o default -F _quantmia quantmia
"""
ZSH = """\
_quantmia() {
    local -a found
    found=("${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" quantmia -sc query=zsh)}")
    compadd -S '' -- ${found:#} || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _quantmia quantmia
"""
FISH = """\
function __quantmia
    set -lx COMP_LINE (commandline -cp)
    quantmia -sc query=fish
end
complete -c quantmia -n '__fish_use_subcommand' -f -a '(__quantmia)'
complete -c quantmia -n '__fish_seen_subcommand_from run check list' -f -a '(__quantmia)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
OVERRIDES = ("run", "check")  # commands that are followed by them


def complete(
    arguments: Sequence[str], commands: Iterable[str], ask_hydra: Callable[[list[str]], int]
) -> int:
    """Print a shell's script (`install=`), or what may stand at the end of $COMP_LINE (`query=`).

    Args:
        arguments: `-sc install=SHELL` or `-sc query=SHELL`.
        commands: that there are.
        ask_hydra: what runs `quantmia run`, for overrides.

    Raises:
        QuantmiaError: it is neither, or of another shell.
    """
    given = [each for each in arguments if each != "-sc"]
    act, _, shell = "".join(given).partition("=")
    if act not in ("install", "query") or shell not in SCRIPTS:
        raise QuantmiaError(
            f"quantmia -sc {' '.join(given)}: has to be install= with one of {', '.join(SCRIPTS)}"
        )
    if act == "install":
        print(SCRIPTS[shell], end="")
        return DONE
    _, *words = os.environ.get("COMP_LINE", "").split(" ")
    if len(words) > 1 and words[0] in OVERRIDES:
        os.environ["COMP_LINE"] = " ".join(["quantmia", *words[1:]])
        # A word a line, as fish and zsh have it, is right for bash too.
        return ask_hydra(["-sc", "query=fish"])
    known = commands if len(words) < 2 else GROUPS.values() if words[0] == "list" else ()
    start = words[-1] if words else ""
    print("\n".join(each for each in known if each.startswith(start)))
    return DONE
