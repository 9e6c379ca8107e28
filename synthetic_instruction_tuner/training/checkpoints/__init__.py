"""What a training run keeps on disk so that it can go on after a death."""
