"""From losses and scores to a ranking, its intervals and its conclusion."""
