"""Analysis: paired statistics, gates, efficiency, recommendations from result files."""

VERSION = 3
"""Raised whenever a change of the code changes what this stage writes."""
