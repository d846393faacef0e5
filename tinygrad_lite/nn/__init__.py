"""What a network is: modules, losses, optimisers, data, training. Read `modules.py` first."""
