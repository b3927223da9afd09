"""Descriptors: fetched, checked, and handed to the units."""
