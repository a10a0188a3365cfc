"""The forms of one network or layer that are compared: the names of their files, everywhere."""

BINARY, FLOAT32, INT8 = "binary", "float32", "int8"
KINDS = (BINARY, FLOAT32, INT8)
