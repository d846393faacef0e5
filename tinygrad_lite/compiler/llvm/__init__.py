"""Plans as machine code, through LLVM.

    llvm_runner.py     a program as something that runs, by blocks of rows
    llvm_backend.py    a plan as functions in LLVM's text; loops.py, slopes.py, patterns.py: their parts
    sweeping.py        what passes by the same numbers; recurring.py: steps that follow from one another
    joining.py         what shares registers, with tiles.py; fusing.py, blocking.py, rooms.py: what shares the cache
    tape_runner.py     a tape at once, without compiling it; tape_code.py, tape_cases.py: its one function
    writer.py          one instruction at a time; kernels/: exp, log, tanh and the like for whole vectors
    jit.py             from text to a function in memory; cache.py: entries on the disk
    buffers.py         the arrays that it works in; threads.py: several threads share a call

In: plans. Out: functions in memory, and the arrays they work in. Begin with `llvm_backend.py`.
"""
