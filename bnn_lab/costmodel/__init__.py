"""Predicting a layer's time without running it, from a calibration of this machine."""
