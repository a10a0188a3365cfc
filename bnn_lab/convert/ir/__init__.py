"""The intermediate representation: TFLite and `lq` ops in xDSL, read from and written to files."""
