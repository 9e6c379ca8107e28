"""Evaluation: benchmarks, instruction following and agents, alike for the base and every arm."""
