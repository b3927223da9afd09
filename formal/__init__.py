"""Proofs about components: claims that hold in every cycle, whatever their surroundings do."""
