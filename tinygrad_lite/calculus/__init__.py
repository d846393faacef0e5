"""What a derivative is: gradients, Jacobians and higher derivatives of Python functions. Read `transforms.py` first."""
