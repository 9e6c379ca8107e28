"""Generation: the teacher writes instructions and answers them, or raw rows are imported."""

VERSION = 1
"""Raised whenever a change of the code changes what this stage writes."""
