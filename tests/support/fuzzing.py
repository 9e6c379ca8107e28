"""What the fuzz tests share: how long they search, and JSON of every kind."""

import json
import os
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from synthetic_instruction_tuner.errors import TunerError

EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "25"))
fuzzed = settings(
    max_examples=EXAMPLES,
    derandomize="CHAOS_EXAMPLES" not in os.environ,
    database=None,
    deadline=2000,
    suppress_health_check=list(HealthCheck),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


def shaped(*names):
    """JSON objects with fields that the reader knows, holding anything."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))


def content(*names):
    """Bytes of a file: noise, JSON, JSON of the right shape, and nesting without an end."""
    known = shaped(*names).map(lambda value: json.dumps(value).encode())
    return st.binary(max_size=60) | JSON.map(lambda v: json.dumps(v).encode()) | known


@contextmanager
def named_error():
    """Take an error that a person can act on for an answer; it is short."""
    try:
        yield
    except TunerError as error:
        if len(str(error)) > 1000:
            raise AssertionError(f"{len(str(error))} characters") from error
