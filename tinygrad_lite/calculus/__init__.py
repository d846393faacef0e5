"""What a derivative is: gradients, Jacobians and higher derivatives of Python functions. Read in this order:

transforms.py   grad, value_and_grad: a function in, its derivative as a function out
recording.py    one call of a function on Values: what every transform starts with
pytree.py       nested arguments as one list of numbers, and back again
forward.py      the chain rule from the inputs forward, the mirror of the engine's `adjoints`
jacobian.py     all derivatives at once: jacobian, hessian
products.py     derivatives along one direction: jvp, vjp, hvp
series.py       Taylor coefficients, and derivatives of any order
arithmetics.py  a recorded graph computed again with other numbers: fractions, many digits
exact.py        the answers a pencil gives, in fractions
check_graph.py  the local derivatives of a recorded graph, measured
"""
