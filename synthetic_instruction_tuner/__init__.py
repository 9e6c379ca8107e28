"""Everything of a study that is not orchestration: the domain, free of Prefect."""

__version__ = "0.1.0"
