"""The compiler, which turns a graph into a program: tiles, memory map, descriptors."""

from hwsim.compiler.compile import (
    compile_graph,
    plan_graph,
    plan_network,
    plan_of_any_size,
    write_program,
)

__all__ = ["compile_graph", "plan_graph", "plan_network", "plan_of_any_size", "write_program"]
