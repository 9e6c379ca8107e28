"""The version of the project: what files, servers and `tuner --version` name."""

__version__ = "0.1.0"
