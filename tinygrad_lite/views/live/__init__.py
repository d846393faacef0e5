"""A graph that can be touched: `tg.live`. Read `live.py` first, then `engine.js`, then `page.js`.

`javascript.py` turns the rules of the op table into JavaScript, so that the page computes what Python computes.
"""
