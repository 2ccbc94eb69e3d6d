"""How nodes are started: launch descriptions, parameter files, command lines."""
