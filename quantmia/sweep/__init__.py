"""Sweeps: the jobs of a multirun, what became of them, and one ranking over what finished."""
