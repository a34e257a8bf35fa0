import importlib
import logging
import sys
import warnings

import pytest

from quantmia.quantizers.quiet import quiet, without


def test_a_package_is_not_there_for_a_while(monkeypatch):
    there = object()
    monkeypatch.setitem(sys.modules, "kernels", there)
    with without("kernels"), pytest.raises(ImportError):
        importlib.import_module("kernels")
    assert sys.modules["kernels"] is there
    monkeypatch.delitem(sys.modules, "kernels")
    with without("kernels"):
        assert sys.modules["kernels"] is None
    assert "kernels" not in sys.modules


def test_what_a_library_says_is_not_heard_and_everybody_else_is(caplog):
    with quiet():
        logging.getLogger("library").warning("of no concern")
        warnings.warn("of no concern either", stacklevel=1)
    logging.getLogger("library").warning("a real one")
    assert [each.getMessage() for each in caplog.records] == ["a real one"]
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard again", stacklevel=1)
