"""The backward pass of a NumPy function as NumPy: backward_source.py; its statements, flatten.py; its rules, rules.py."""
