"""Builders, clocks and probes that several tests share."""
