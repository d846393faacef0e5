"""The backward pass of a NumPy function as NumPy.

backward_source.py     tg.backward_source: what it gives, and the comparison with the engine
flatten.py             the function as single statements; parameters.py says which of its names are parameters
observed.py            a run of them, for the shapes
rules.py, adjoint.py   what each function of NumPy hands back, and the walk through one expression
backward_code.py       the text
"""
