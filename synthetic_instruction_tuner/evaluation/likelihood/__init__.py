"""Scoring given answers by likelihood: the fast scorer and its check against lm-eval's own."""
