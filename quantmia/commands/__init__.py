"""The commands, each with its arguments; numerical packages are imported when one runs."""
