"""Scoring answers with a model: reward models, and the likelihood that a language model gives."""
