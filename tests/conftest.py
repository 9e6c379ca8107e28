"""Every test runs offline, with quiet libraries and no trace of the user's own Prefect."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than idle cores: 30 times slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
