"""A picture before it is placed: boxes and arrows as data, themes, fonts, and the size of each card."""
