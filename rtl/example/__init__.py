"""A driver in C as a worked example."""

from importlib import resources


def example_source(name: str = "accelerator") -> str:
    """The example for the header `name`.h, with names of its own."""
    text = resources.files("rtl.example").joinpath("example.c").read_text("utf-8")
    return (
        text.replace("ACCELERATOR_", f"{name.upper()}_")
        .replace("accelerator_", f"{name}_")
        .replace("accelerator.h", f"{name}.h")
    )
