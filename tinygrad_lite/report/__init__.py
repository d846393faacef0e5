"""How results are written down: paragraphs, tables, strips and code as text, HTML, Markdown and LaTeX.

`text.py` is the report, `table.py` its tables, `style.py` the look, `escape.py` makes user text safe in each format.
"""
