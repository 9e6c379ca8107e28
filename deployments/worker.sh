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

# What this worker makes is its user's alone; for a workspace that a group shares: TUNER_UMASK=002.
umask "${TUNER_UMASK:-077}"

# Prefect's own files are SQLite and sockets: on the machine's own disk, never on Drive. Its logging
# settings name code that is run, so the folder belongs to this user and is closed to all others.
export PREFECT_HOME="${PREFECT_HOME:-${TMPDIR:-/tmp}/tuner-$(id -u)-prefect}"
mkdir -p -m 700 "$PREFECT_HOME" 2>/dev/null || true
if [ -L "$PREFECT_HOME" ] || [ ! -d "$PREFECT_HOME" ] || [ ! -O "$PREFECT_HOME" ]; then
  echo "PREFECT_HOME=$PREFECT_HOME is no folder of yours; set PREFECT_HOME to a new one" >&2
  exit 2
fi
if [ -n "$(find "$PREFECT_HOME" -maxdepth 0 -perm -o=w)" ]; then
  echo "PREFECT_HOME=$PREFECT_HOME is open to everybody; set PREFECT_HOME to a new folder" >&2
  exit 2
fi
chmod 700 "$PREFECT_HOME"
export TUNER_WORKSPACES="${TUNER_WORKSPACES:-$PWD/workspace}"
export PYTHONUNBUFFERED=1 PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
mkdir -p "$TUNER_WORKSPACES"

python=.venv/bin/python
[ -x "$python" ] || python=$(command -v python3)
exec "$python" -m tuner.main worker "$@"
