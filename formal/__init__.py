"""Proofs about components: what holds in every cycle, whatever their surroundings do."""
