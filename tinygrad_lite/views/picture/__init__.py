"""From a graph to a picture. `draw.py` is the door, `picture.py` what it returns.

`labels.py` writes the boxes and arrows; `collapse.py`, with `fold.py` and `modules.py`, draws large graphs as few
boxes; `heat.py`, `paths.py`, `elementary.py` and `diff.py` are what else can be asked for.
"""
