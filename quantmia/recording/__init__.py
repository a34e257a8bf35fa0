"""Models that others trained: who trains on what, what the models answer, and the run folder."""
