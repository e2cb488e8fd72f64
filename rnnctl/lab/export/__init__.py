"""Export results for other programs: as text, or as one file for each run."""
