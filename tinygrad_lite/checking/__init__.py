"""Is my derivation right? Numbers derived by hand, held against the exact ones.

What a user calls stands here: `compare` (numbers), `check` (a whole backprop function), `gradcheck` (the numerical
check of a gradient), `derive` (formulas on paper) and `grade` (files, for graders).
What they are made of, each folder built on those before it:

    result/      what a comparison or a check is: entries, verdicts, hints, mistakes, and how they are reported
    network/     which network this is, told from its loss alone, and problems of our own for it
    paper/       a derivation as formulas: read, judged line by line, mended
    trial/       running the user's functions: the sandbox, the problems they are tried on, the numerical check
    catalogue/   every way to go wrong at each place, and the search for the one that was taken
"""
