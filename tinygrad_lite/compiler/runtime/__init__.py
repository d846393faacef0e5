"""One compiled program at work.

    program.py          one path through a function, its code and its guards; batch_program.py: for a batch
    prepared.py         a call with everything in place
    program_cache.py    programs and runners from the disk, when a tape was met before
    verify.py           whether a first result can be believed; fallback.py: what remains if not
    report.py           what was made, in words and numbers
    bound.py            Values whose numbers lie in one array
    gc_pause.py         Python's collector kept out of the way meanwhile

Begin with `program.py`.
"""
