"""The user's functions on trial: run safely, on their data and on ours. Read sandbox, submission, evaluation."""
