"""The preference flow: responses, rewards, pairs."""

from __future__ import annotations

from typing import Any

from prefect import flow

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from synthetic_instruction_tuner.preference.run import missing_spans
from tasks.naming import named
from tasks.pieces import arm, responses
from tasks.preference import build_pairs, finish_responses, lengthen_responses, score_rewards
from tasks.spread import make
from tasks.step import budget_used_up, call, working


@flow(name="preference", flow_run_name=named("preference"))
def preference(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Let several models answer, rank the answers, pair best with worst.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    with working(chosen(preset, config, settings), workspace, credentials) as study:
        for subject in study.answering_arms:
            make(study, [arm(study, subject.name)])
        for responder in study.config.preference.responders:
            name = responder.name
            make(study, [responses(study, name, *span) for span in missing_spans(study, name)])
            if budget_used_up(study):
                return
            call(finish_responses, study, study.responses(responder), name)
        if study.config.preference.lengthen:
            call(lengthen_responses, study, study.lengthened)
        call(score_rewards, study, study.rewards)
        call(build_pairs, study, study.pairs)
