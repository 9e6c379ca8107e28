#!/usr/bin/env bash
# A Prefect worker on this machine: Colab, Kaggle, Lightning, any box with or without a GPU.
#
#   PREFECT_API_URL=https://host/api bash deployments/worker.sh [--limit N] [--once]
#
# Also read: PREFECT_API_AUTH_STRING (self-hosted) or PREFECT_API_KEY (Cloud), HF_TOKEN,
# TUNER_WORKSPACES (parent folder of all studies; ./workspace if not set).
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PREFECT_API_URL:?set it to the address of the Prefect server, for example https://host/api}"

# Prefect's own files are SQLite and sockets: on the machine's own disk, never on Drive.
export PREFECT_HOME="${PREFECT_HOME:-${TMPDIR:-/tmp}/prefect}"
export TUNER_WORKSPACES="${TUNER_WORKSPACES:-$PWD/workspace}"
export PYTHONUNBUFFERED=1 PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
mkdir -p "$PREFECT_HOME" "$TUNER_WORKSPACES"

python=.venv/bin/python
[ -x "$python" ] || python=$(command -v python3)
exec "$python" -m tuner.main worker "$@"
