"""Which network this is, told from its loss alone. Read layers, network, problems, recognise."""
