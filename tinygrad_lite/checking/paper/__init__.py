"""A derivation on paper: formulas read, judged line by line, and mended.

term.py        a formula as a tree, and how it is written as text and as LaTeX
tokens.py      plain text, LaTeX and Unicode as one stream of tokens
parser.py      the tokens as a tree (`names.py` and `words.py` read its words); what cannot be read gets a caret
document.py    a text as a list of statements: definitions, steps, assumptions (`rows.py` finds them in the text)
shapes.py      the sizes of indices and matrices, inferred from the definitions
world.py       the definitions at one point, as a recorded graph, and formulas evaluated in it (`points.py`: which)
judge.py       what each line claims, and whether it holds
edits.py       every way to go wrong at each place of a formula, undone: a table
mend.py        the mistake in a line, the mended line, the smallest counterexample
"""
