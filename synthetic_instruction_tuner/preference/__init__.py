"""Preference: several models answer, a reward model ranks, best and worst become a pair."""
