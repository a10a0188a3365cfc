"""Conversion; laid out as LCE has it."""
