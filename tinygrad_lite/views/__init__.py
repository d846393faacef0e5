"""Ways to look at a graph: pictures, a player, the chain rule written out, NumPy code.

Each package builds on those before it; a test holds the arrows.

- `layout/`       places boxes and arrows of given sizes
- `drawing/`      a picture as data, its colours, and how large each box is
- `formats/`      drawings as SVG, DOT, Mermaid, a tree, JSON, PDF, pixels
- `formulas/`     numbers that remember how they were made, their names, and how they are spelled
- `picture/`      from a graph to a drawing: `tg.draw` and what it can be asked for
- `live/`         a page in which the numbers can be changed: `tg.live`
- `player/`       on the same page the forward and the backward pass, and training, step by step
- `derivation/`   the chain rule written out: `tg.explain`, `tg.table`, `tg.why_order`
- `matrix_form/`  layers found in a graph, written as NumPy code, run and compared
- `plots.py`      curves and boundaries with matplotlib
"""
