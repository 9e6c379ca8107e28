"""What a study will need before anything runs: memory, disk, time, and what fits.

Memory follows from the models' real code on the meta device (`training.footprint`). Times are
rooflines with the rates of `gpus` and are marked as estimates wherever they are shown.
"""
