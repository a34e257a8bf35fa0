from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder, which commands are run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
