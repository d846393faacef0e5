"""Drawings written down: each file is one format, and takes drawing data."""
