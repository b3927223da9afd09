"""Turns a graph into a program for one accelerator: tiles, memory layout, descriptors."""

from hwsim.compiler.compile import compile_graph

__all__ = ["compile_graph"]
