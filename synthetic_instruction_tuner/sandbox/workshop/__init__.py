"""How the embedded models are trained, measured and described, from nothing."""
