"""`torch.version`: the version of PyTorch whose names and meanings these are, and of what it computes with."""

__version__ = "2.13.0+microgradient"
cuda = hip = xpu = debug = None
