"""Passes and training runs played step by step. Read `steps.py` first: what happens, as data."""
