"""All scans of a series refined together."""
