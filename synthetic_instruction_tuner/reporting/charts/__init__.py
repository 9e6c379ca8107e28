"""Charts: what every figure shows, and how it is drawn for pages, files and slides."""
