"""The families of agent items: one file each, found by its name.

A new file defines `FAMILY` (see `family.Family`): its category, the form of its replies, its tools,
and a function that draws an item of a level from a random stream. Its gold replies are executed by
the tests like those of all others, and the trivial agents must fail on it.
"""
