"""Benchmarks: kernels and networks beside LCE, float and int8 TFLite, and their reports."""
