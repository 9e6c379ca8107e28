"""The pairs of a study: made from the rewards without any model, in seconds."""

from __future__ import annotations

import time
from collections import defaultdict

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.generation.store import CONTROL_TOKENS, control_tokens_of
from synthetic_instruction_tuner.models.reference import SANDBOX
from synthetic_instruction_tuner.preference.dataset import PAIRS, write_dataset
from synthetic_instruction_tuner.preference.figures import compare_with_checker, describe
from synthetic_instruction_tuner.preference.pairing import (
    SPLITS,
    Scored,
    pair_up,
    require_splits,
)
from synthetic_instruction_tuner.preference.responses import kept_examples
from synthetic_instruction_tuner.preference.scoring import REWARDS
from synthetic_instruction_tuner.records import Response, read_lines
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training.early import require_rows


def build_pairs(study: Study) -> Manifest:
    """Pair best and worst response of every kept example, and say why where there is no pair.

    Returns:
        The manifest of the pairs: `pairs.jsonl`, `rejected.jsonl`, the JSON and parquet that
        trainers read, a card, and all figures as facts.

    Raises:
        StageError: If no pair at all is left, or there are rewards for other examples.
    """
    done = study.store.find(study.pairs)
    if done is not None:
        return done
    started = time.perf_counter()
    scored = scored_examples(study)
    pairs, rejections = pair_up(scored, study.config.preference, _control_tokens(study))
    names = {example.id for example, _ in scored}
    paired = sum(pair.id in names for pair in pairs)  # further pairs have numbers behind the id
    if paired + len(rejections) != len(scored):
        raise StageError(f"{len(scored)} examples became {paired} + {len(rejections)} rows")
    facts = describe(scored, pairs, rejections)
    if study.config.preference.lengthen:
        facts["lengthened"] = study.store.require(study.lengthened).facts["rounds"]
    if _is_closed_world(study):
        from synthetic_instruction_tuner import sandbox

        facts |= compare_with_checker(scored, pairs, sandbox.check)
    if not pairs:
        raise StageError(
            f"no preference pair is left of {len(scored)} examples: {facts['rejected_by_rule']}; "
            "lower preference.min_margin or use responders that differ more"
        )
    if study.uses_preference:
        require_splits(pairs, rejections, SPLITS)
    with study.store.writing(study.pairs) as folder:
        write_dataset(folder, study, pairs, rejections, facts)
        require_rows(study, "preference", folder / PAIRS)
        return study.store.commit(study.pairs, facts, time.perf_counter() - started)


def scored_examples(study: Study) -> list[Scored]:
    """Return every kept example with its scored responses, responders in the settings' order."""
    manifest = study.store.require(study.rewards)
    by_example: dict[str, list[Response]] = defaultdict(list)
    for response in read_lines(manifest.path(REWARDS), Response):
        by_example[response.example].append(response)
    examples = kept_examples(study)
    wanted = len(study.config.preference.responders)
    for example in examples:
        if len(by_example[example.id]) != wanted:
            raise StageError(
                f"example {example.id} has {len(by_example[example.id])} scored responses, "
                f"not {wanted}"
            )
    if len(by_example) != len(examples):
        raise StageError(f"rewards for {len(by_example)} examples, but {len(examples)} were kept")
    return [(example, by_example[example.id]) for example in examples]


def _control_tokens(study: Study) -> tuple[str, ...]:
    """Return the control tokens of teacher and responders that have none of the usual forms."""
    found = set(control_tokens_of(study))
    for responder in study.config.preference.responders:
        manifest = study.store.find(study.responses(responder))
        found |= set(manifest.facts.get(CONTROL_TOKENS, ()) if manifest else ())
    return tuple(sorted(found))


def _is_closed_world(study: Study) -> bool:
    """Tell whether embedded models wrote prompts or answers, so that a checker knows the truth."""
    models = [study.responder_model(one) for one in study.config.preference.responders]
    names = [study.config.generation.teacher.name, *(model.name for model in models)]
    return any(name.startswith(SANDBOX) for name in names)
