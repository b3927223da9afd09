"""The passes, which rewrite a graph: one per file."""
