"""What a derivative is: gradients, Jacobians and higher derivatives of Python functions. Read `transforms.py` first.

transforms.py   grad, value_and_grad, derivative: a function in, its slope as a function out
recording.py    one call of a function on Values: what every transform starts with
structure.py    nested arguments as one list of numbers, and back again
forward.py      the chain rule from the inputs forward, the mirror of the engine's `adjoints`
jacobian.py     all slopes at once: jacobian, hessian
products.py     derivatives along one direction: jvp, vjp, hvp
"""
