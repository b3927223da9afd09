"""Loads and stores: from descriptors to AXI4 bursts, and the words that come and go with them."""
