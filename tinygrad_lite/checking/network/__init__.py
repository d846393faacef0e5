"""Which network this is, told from its loss alone. Read network, problems, recognise; kinks stands beside them."""
