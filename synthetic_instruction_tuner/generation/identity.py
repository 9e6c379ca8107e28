"""What makes a sample that sample: its id, its domain, its random streams.

An id depends on the teacher, the policy of its template, the steering prompt, the sampling, the
run seed and the index, and on nothing else: not on chunks, batches, order, restarts, how many
samples are drawn, or the limit on new tokens. So a larger limit redoes only what ended at the
limit, and 2,000 samples begin with the very 1,000 that were there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.config import DomainConfig
from synthetic_instruction_tuner.generation.domains import domain_sequence
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study


@dataclass(frozen=True)
class Draw:
    """A sample before it is drawn."""

    id: str
    index: int
    domain: DomainConfig


def planned_draws(study: Study, first: int, last: int) -> list[Draw]:
    """Return the draws first..last (both included) of a study."""
    domains = study.config.generation.domains
    stream = _stream(study)
    sequence = domain_sequence(tuple(one.weight for one in domains), last + 1)
    return [
        Draw(sample_id(stream, domains[sequence[index]], index), index, domains[sequence[index]])
        for index in range(first, last + 1)
    ]


def sample_id(stream: dict[str, Any], domain: DomainConfig, index: int) -> str:
    """Hash what determines a sample."""
    return digest(
        {"stream": stream, "domain": domain.content("name", "system_prompt")} | {"index": index}
    )


def _stream(study: Study) -> dict[str, Any]:
    """Return the identity of all draws without the domains and the limits on new tokens."""
    config = dict(study.draws.config)
    config.pop("domains")
    for part in ("instruction", "response"):
        config[part] = {k: v for k, v in config[part].items() if k != "max_new_tokens"}
    return config | {"version": study.draws.version}
