"""How what was made lies on a disk: files, claims, journals, manifests, artifacts, row formats."""
