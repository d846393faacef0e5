"""Ways to look at a graph: pictures, a player, the chain rule written out, tables and reports.

Three stories, each to be read on its own:

- pictures: `picture.py` is the data, `layout.py` places it, `svg.py` and `dot.py` write it, `player.py` plays it;
- the derivation: `formula.py` are numbers that remember how they were made, `notation.py` spells them, `chain.py`
  finds the steps and paths, `story.py` puts them in order; `derivation.py` is the door;
- the matrix form: `layers.py` finds layers in a graph, `loss_head.py` the loss, `matrix_program.py` writes NumPy,
  `matrix_form.py` runs it and compares.

All of them report in one style: `text.py`, with `table.py`, `style.py` and `escape.py`.
"""
