"""Is my derivation right? Numbers derived by hand, held against the exact ones.

Reading order, from the number to the name of the mistake:

    compare, verdict, clues    which names, which entries, by how much; what the numbers betray by themselves
    witness, gradcheck         two witnesses that know no derivative rule
    check, trial               a whole backprop function, tried on its data and on problems of our own
    layers, network, recognise which network this is, told from its loss alone
    choices, sums, search      every way to go wrong at each place, and the search for the one that was taken
    diagnose, findings         the mistakes by name, what follows from them, and the report
    graph_search, chain        the same for any small graph of scalars
    grade, sandbox             for graders: a file in a process of its own
"""
