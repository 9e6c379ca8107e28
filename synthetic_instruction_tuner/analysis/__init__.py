"""Analysis: paired statistics, gates, efficiency, recommendations from result files."""

VERSION = 5
"""Raised whenever a change of the code changes what this stage writes."""
