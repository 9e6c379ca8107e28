"""The deck: its slides, and how text and charts are laid out on them."""
