"""The files of `data/preference/pairs`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import ResponderConfig
from synthetic_instruction_tuner.records import PreferencePair, Rejection, write_lines
from synthetic_instruction_tuner.storage import formats
from synthetic_instruction_tuner.study.graph import Study

PAIRS = "pairs.jsonl"
SPLITS = ("train", "validation")
COLUMNS = {
    "prompt": "messages",
    "chosen": "messages",
    "rejected": "messages",
    "id": "text",
    "chosen_reward": "number",
    "rejected_reward": "number",
    "margin": "number",
    "chosen_responder": "text",
    "rejected_responder": "text",
    "domain": "text",
}
"""Conversations: what TRL's DPOTrainer takes as it is."""


def write_dataset(
    folder: Path,
    study: Study,
    pairs: Sequence[PreferencePair],
    rejections: Sequence[Rejection],
    facts: Mapping[str, Any],
) -> None:
    """Write records, splits for people (JSON) and tools (parquet), and the card."""
    write_lines(folder / PAIRS, pairs)
    write_lines(folder / "rejected.jsonl", rejections)
    for split in SPLITS:
        own = [pair for pair in pairs if pair.split == split]
        formats.write_json_rows(folder / f"{split}.json", [training_row(pair) for pair in own])
        rows = [chat_row(pair) for pair in own]
        formats.write_parquet(folder / f"{split}.parquet", rows, COLUMNS)
    formats.write_card(folder, _card(study, facts))


def training_row(pair: PreferencePair) -> dict[str, Any]:
    """Return the row for people, which TRL's DPO trainer takes as it is.

    A pair at the end of a conversation also shows the turns before; `prompt` is the last of them.
    """
    row = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
    return row | ({"messages": list(pair.messages)} if pair.messages else {})


def chat_row(pair: PreferencePair) -> dict[str, Any]:
    """Return the row for tools: prompt and both answers as conversations, and all figures."""
    turns = {
        "prompt": list(pair.messages) or [{"role": "user", "content": pair.prompt}],
        "chosen": [{"role": "assistant", "content": pair.chosen}],
        "rejected": [{"role": "assistant", "content": pair.rejected}],
    }
    return dataclasses.asdict(pair) | turns


def _card(study: Study, facts: Mapping[str, Any]) -> formats.Card:
    settings = study.config.preference
    models = {one.name: _named(study, one) for one in settings.responders}
    shown = ("examples", "mean_margin", "mean_chosen_words", "mean_rejected_words")
    return formats.Card(
        title=f"{study.config.name}: preference pairs",
        summary=f"{facts['pairs']} pairs of a better and a worse answer to the same instruction, "
        f"ranked by {settings.reward.name}. Instructions without a pair and the reasons are in "
        "`rejected.jsonl`.",
        licence=_licence(study),
        task="text-generation",
        rows=facts["pairs"],
        files={split: f"{split}.parquet" for split in SPLITS},
        tables={
            "Responders": [
                {"responder": name, "model": models[name], **row}
                for name, row in facts["responders"].items()
            ],
            "Instructions without a pair": [
                {"reason": rule, "instructions": count}
                for rule, count in facts["rejected_by_rule"].items()
            ],
        },
        facts={
            "study": study.config.name,
            "seed": study.config.seed,
            "reward model": f"{settings.reward.name} ({settings.reward.revision})",
            "least margin": settings.min_margin,
            **{name.replace("_", " "): facts[name] for name in shown},
        },
    )


def _named(study: Study, responder: ResponderConfig) -> str:
    name = study.responder_model(responder).name
    return name if responder.arm is None else f"{name} adapted by arm {responder.arm}"


def _licence(study: Study) -> formats.Licence:
    """Join the terms of all who wrote a part: the teacher's prompts, the responders' answers."""
    generation = study.config.generation
    writers = [generation.teacher.name if generation.source is None else None]
    writers += [study.responder_model(one).name for one in study.config.preference.responders]
    found = list(dict.fromkeys(formats.licence_of(one) for one in writers))
    if len(found) == 1:
        return found[0]
    return formats.Licence("other", "; ".join(f"{one.id}: {one.note}" for one in found))
