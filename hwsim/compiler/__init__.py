"""Turns a graph into a program for one accelerator: tiles, memory layout, descriptors."""

from hwsim.compiler.compile import compile_graph, plan_graph, write_program

__all__ = ["compile_graph", "plan_graph", "write_program"]
