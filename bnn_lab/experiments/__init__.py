"""Experiments: a configuration gives a tidy table; of training, and of latency."""
