"""Preference: several models answer, a reward model ranks, best and worst become a pair."""

VERSION = 2
"""Raised whenever a change of the code changes what this stage writes."""
