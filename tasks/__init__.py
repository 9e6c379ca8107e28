"""One Prefect task a step with a side effect: open the study, call the domain, return a summary."""
