"""From a traced program to loops, in passes: each takes what one before it has left.

    pipeline.py     THE list, and what runs it
    log.py          what each pass that ran has left, for `fast.passes()` and `tg.compile(f, dump=print)`

Beside the passes stand nested.py, `tg.grad` inside a traced function, and programs.py, what a back end is given. Begin
to read with pipeline.py, then adjoint.py.
"""
