"""Descriptors are fetched, checked and handed to the units; what the units report is gathered."""
