"""What the passes share: matching, building ops, binary and int8 values, windows."""
