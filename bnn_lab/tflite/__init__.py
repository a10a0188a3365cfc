"""`.tflite` files as bytes: reading, writing, the options of LCE's ops, and counting MACs."""
