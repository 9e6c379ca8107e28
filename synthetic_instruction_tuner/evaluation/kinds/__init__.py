"""One file a kind of benchmark that is not lm-eval's."""
