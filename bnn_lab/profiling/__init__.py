"""Where a network's time goes: a clock for LiteRT's nodes, and the delegate's groups of ops."""
