"""Evaluation: benchmarks, instruction following and agents, alike for the base and every arm."""

VERSION = 2
"""Raised whenever a change of the code changes the results that this stage writes."""
ITEMS_VERSION = 1
"""The same for the items: training data are decontaminated against them, so raising it makes the
data stages and all training anew."""
VOTES_VERSION = 1
"""The same for imported votes of people, which nobody can make anew."""
