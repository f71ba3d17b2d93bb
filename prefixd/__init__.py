"""prefixd: one service between detectors that see attacks and routers that can filter them."""

__version__ = "0.1.0"
