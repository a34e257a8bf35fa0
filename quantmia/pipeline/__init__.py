"""The way the data goes: from a configuration, or from finished runs, to a ranking and its page."""
