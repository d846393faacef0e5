"""Any lesson put on trial as it is: which function is which, what flows into what, and data to try it on.

Read source (what of a file is run), roles (what names mean), flow (functions called by the names of their arguments),
layers and scripts (what stands alone, loops), values and fit (parameters and data), bind (all of it together).
"""
