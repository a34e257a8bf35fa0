"""From members to trajectories: training, checkpoints, quantized losses, files of runs."""
