"""Reporting: figures, report, slides and cards, all rendered from the comparison."""

VERSION = 5
"""Raised whenever a change of the code changes what this stage writes."""
