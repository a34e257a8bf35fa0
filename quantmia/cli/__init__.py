"""The command line: all that knows of Hydra's application; numerical packages are imported late."""
