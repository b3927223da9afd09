"""The way to external memory and back."""
