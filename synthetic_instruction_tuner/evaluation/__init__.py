"""Evaluation: benchmarks, instruction following and agents, alike for the base and every arm."""

VERSION = 1
"""Raised whenever a change of the code changes what this stage writes."""
