"""A network as NumPy code: `matrix_form.py` compares it with the graph, `program.py` writes and runs it."""
