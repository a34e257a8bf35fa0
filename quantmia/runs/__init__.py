"""Folders of runs: what is written, read, merged and shared among jobs."""
