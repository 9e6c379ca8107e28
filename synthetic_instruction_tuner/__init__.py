"""Everything of a study that is not orchestration: data, training, evaluation, analysis, reporting."""

__version__ = "0.1.0"
