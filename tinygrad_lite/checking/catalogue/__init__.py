"""The search that names mistakes: every way to go wrong, and the one that was taken.

Read choices and sums (what can be done at each place), search (which of it gives the user's numbers), and
diagnose; causes, ratios and strip say what is known besides. graph_changes and graph_search do it for scalar graphs.
"""
