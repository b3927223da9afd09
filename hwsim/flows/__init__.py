"""Workflows that a notebook calls as the command line does."""
