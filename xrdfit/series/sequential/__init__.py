"""Scans refined one after the other."""
