"""Instructions whose fulfilment a program can check: deterministic, offline, no judge.

The idea is IFEval's (arXiv 2311.07911); checkers, wordings and prompts are this project's own.
"""
