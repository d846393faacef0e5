"""Ways to look at a graph: pictures, a player, the chain rule written out. Read `picture.py` first."""
