"""How kernels are compiled, kept on disk and compiled ahead; what they compute is nothing to these files."""
