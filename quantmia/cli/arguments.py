"""Arguments of the commands that are not Hydra's; what is wrong with them, in one sentence."""

import argparse
from typing import NoReturn

from quantmia.errors import QuantmiaError, did_you_mean

UNKNOWN = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """A parser that raises what is wrong instead of printing how it is called."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Args:
            message: what is wrong with them.

        Raises:
            QuantmiaError: always.
        """
        near = ""
        if message.startswith(UNKNOWN):
            word = message.removeprefix(UNKNOWN).split()[0].partition("=")[0]
            near = did_you_mean(word, self._option_string_actions)
        raise QuantmiaError(f"{self.prog}: {message}{near or f'; see {self.prog} --help'}")
