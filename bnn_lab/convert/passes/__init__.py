"""The converter's passes: one rewrite a file, drawn in its docstring; `pipeline` lists them."""
