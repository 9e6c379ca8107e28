"""Analysis: paired statistics, gates, efficiency, recommendations from result files."""

VERSION = 4
"""Raised whenever a change of the code changes what this stage writes."""
