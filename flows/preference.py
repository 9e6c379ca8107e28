"""The preference flow: responses, rewards, pairs."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.preference.run import missing_spans
from tasks.pieces import arm, responses
from tasks.preference import build_pairs, finish_responses, score_rewards
from tasks.spread import make
from tasks.step import budget_used_up, call, working


@flow(name="preference", flow_run_name="{config.name}: preference")
def preference(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Let several models answer, rank the answers, pair best with worst.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        for subject in study.answering_arms:
            make(study, [arm(study, subject.name)])
        for responder in config.preference.responders:
            name = responder.name
            make(study, [responses(study, name, *span) for span in missing_spans(study, name)])
            if budget_used_up(study):
                return
            call(finish_responses, study, study.responses(responder), name)
        call(score_rewards, study, study.rewards)
        call(build_pairs, study, study.pairs)
