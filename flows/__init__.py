"""One Prefect flow a stage and `study`, which composes them: order and parameters, no logic."""
