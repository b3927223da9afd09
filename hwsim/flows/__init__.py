"""The workflows that a notebook and the command line share."""
