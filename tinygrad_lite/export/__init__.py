"""Ways to take a graph elsewhere: JSON, and source code for NumPy, PyTorch and JAX. Read `spelling.py` first."""
