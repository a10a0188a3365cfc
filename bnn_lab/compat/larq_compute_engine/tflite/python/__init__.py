"""Running models; laid out as LCE has it."""
