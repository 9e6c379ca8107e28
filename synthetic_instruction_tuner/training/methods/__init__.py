"""Adaptation methods: every file is one method (see `training.method`)."""
