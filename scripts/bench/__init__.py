"""Benchmarks, in processes that wait as those of the command do."""

from quantmia.threads import wait_asleep

wait_asleep()  # before PyTorch is imported
