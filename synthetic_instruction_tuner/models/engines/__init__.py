"""Engines: what draws tokens from a model, behind one small protocol."""
