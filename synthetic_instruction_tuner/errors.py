"""Errors a user can act on: each names the field, the value and what is allowed or what to do."""

from __future__ import annotations


class TunerError(Exception):
    """Something went wrong that the message explains; nothing already computed is lost."""

    exit_code = 1


class ConfigurationError(TunerError):
    """The request itself is wrong (unknown preset, value out of range); nothing was changed."""

    exit_code = 2


class WorkspaceError(ConfigurationError):
    """The workspace cannot be used: not writable, or it belongs to another study."""


class StorageError(WorkspaceError):
    """The disk failed under the work (full, read-only, gone); what is done is kept.

    Attributes:
        passing: Whether trying again may help by itself.
    """

    exit_code = 1

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class MissingModelError(ConfigurationError):
    """A model cannot be loaded: unknown name, gated without a token, or no connection."""


class UnreachableError(ConfigurationError):
    """Something lies on the Hub, and there is no way to it: no network, or told to stay offline."""


class StageError(TunerError):
    """A stage cannot go on (for example NaN loss or too few rows left); what is done is kept."""


class DivergedError(StageError):
    """A training whose loss or gradient is not a number any more."""
