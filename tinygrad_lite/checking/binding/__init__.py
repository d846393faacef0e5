"""Any lesson put on trial as it is: which function is which, what flows into what, and data to try it on.

Read source (what of a file is run), roles (what names mean), flow (functions called by the names of their arguments),
objects and scripts (classes, layers, pairs, loops), fit (data of the right shapes), bind (all of it together).
"""
