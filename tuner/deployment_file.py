"""`deployments/prefect.yaml`, written from the presets, so that each form shows a whole study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from synthetic_instruction_tuner import __version__
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.study.stages import STAGES
from tasks.loggers import LOGGERS

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "deployments" / "prefect.yaml"
POOL = "tuner"
SCHEDULED = "generation-scheduled"
HELPER = "any"
"""The name of the deployment that serves every study."""
SESSION_MINUTES = 50

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PREFECT_CLIENT_MAX_RETRIES": "8",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(LOGGERS),
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "warning",
}
"""What the process of every run is given; eight retries wait about eight minutes for a server."""

HEAD = f"""\
# Every flow with the settings of every preset. Written by `tuner deploy --write`.
# Bring it to the server with `tuner deploy`, or from the project's root with
#   prefect deploy --prefect-file deployments/prefect.yaml --all
# which leaves out the work pool, block types, concurrency limit and automations.
name: synthetic-instruction-tuner

pull: # the code lies elsewhere on every machine: each worker enters its own
  - tasks.location.enter_code: {{}}

definitions:
  pool: &pool
    name: {POOL}
    job_variables:
      env:
"""

SCHEDULE = f"""\
    concurrency_limit: {{limit: 1, collision_strategy: CANCEL_NEW}} # due while one runs: skipped
    schedules: # no `active` here: what was paused or resumed in the UI stays so
      - slug: hourly
        cron: "0 * * * *"
        timezone: UTC
        parameters: {{session: {{minutes: {SESSION_MINUTES}}}}}
"""


def render() -> str:
    """Return the text of the file."""
    parts = [HEAD]
    parts += [f'        {name}: "{value}"\n' for name, value in ENVIRONMENT.items()]
    parts += [_anchored(name) for name in presets.names()]
    parts.append("\ndeployments:\n")
    parts += [text for name in presets.names() for text in _of_preset(name)]
    parts.append(_helper())
    return "".join(parts)


def _anchored(preset: str) -> str:
    values = presets.load(preset).model_dump(mode="json")
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return f"  {preset}: &{preset}\n" + "".join(f"    {line}\n" for line in text.splitlines())


def _of_preset(preset: str) -> list[str]:
    title = presets.load(preset).title
    whole = f"The whole study: {title}"
    stages = [
        _deployment(stage, stage, preset, f"The {stage} stage alone; the stages before it are done")
        for stage in STAGES
    ]
    return [
        _deployment("study", "study", preset, whole),
        *stages,
        _deployment(
            "scheduled_generation",
            SCHEDULED,
            preset,
            "Draws samples session by session until all are there, then pauses its schedule",
        )
        + SCHEDULE,
    ]


def _deployment(module: str, flow: str, preset: str, description: str) -> str:
    return (
        f"  - name: {preset}\n"
        f"    entrypoint: flows/{module}.py:{module}\n"
        f"    version: {__version__!r}\n"
        f"    tags: [{preset}, {flow}]\n"
        f"    description: {_quoted(f'{description}. Starts from preset {preset}.')}\n"
        f"    parameters: {{config: *{preset}}}\n"
        "    work_pool: *pool\n"
    )


def _helper() -> str:
    """Return the deployment whose runs help a study with runner.kind "workers"."""
    return (
        f"  - name: {HELPER}\n"
        "    entrypoint: flows/helper.py:helper\n"
        f"    version: {__version__!r}\n"
        "    tags: [helper]\n"
        '    description: "Started by runs with runner.kind workers, not by hand."\n'
        "    work_pool: *pool\n"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def read(file: Path = FILE) -> dict[str, Any]:
    """Read a deployment file as Prefect does."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def flow_name(deployment: dict[str, Any]) -> str:
    """Return the name of the flow that a deployment runs."""
    function = str(deployment["entrypoint"]).partition(":")[2]
    return SCHEDULED if function == "scheduled_generation" else function


def selector(deployment: dict[str, Any]) -> str:
    """Return what `prefect deploy --name` knows a deployment by: the function, not the flow."""
    return f"{str(deployment['entrypoint']).partition(':')[2]}/{deployment['name']}"
