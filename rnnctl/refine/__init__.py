"""The best of a study as a new study: chosen (selection), changed and merged (offspring), written (file)."""
