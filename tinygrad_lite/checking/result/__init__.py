"""What a comparison or a check is, and how it is reported. Read entries, verdict, comparison, findings."""
