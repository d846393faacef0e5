"""Plans as machine code, through LLVM.

    llvm_runner.py       a program as something that runs, by blocks of samples
    llvm_backend.py      a plan as functions in LLVM's text
    loops.py             one loop nest, by tiles.py; gradient_sums.py: tables of gradients as such; periodic.py
    register_fusion.py   loops over samples fused that share registers; stencil_fusion.py: that read the same numbers
    workspace.py         where the arrays of a block lie
    tape_runner.py       a tape at once, without compiling it: instructions.py; tape_code.py, tape_cases.py: its code
    writer.py            one instruction at a time; kernels/: exp, log, sin and others for whole vectors
    jit.py               from text to a function in memory; cache.py: entries on the disk
    buffers.py           the arrays that it works in; threads.py: several threads share a call

In: plans. Out: functions in memory, and the arrays they work in. Begin with `llvm_backend.py`.
"""
