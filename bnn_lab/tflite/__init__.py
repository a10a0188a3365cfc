"""`.tflite` files: the only reader and writer, the options of binary ops, and counting MACs."""
