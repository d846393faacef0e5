"""The search that names mistakes: every way to go wrong, and the one that was taken. Read choices, search, diagnose."""
