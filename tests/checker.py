"""How types are checked in tests."""

from beartype import BeartypeConf, beartype

# An int is a float, as it is for type checkers (PEP 484).
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
