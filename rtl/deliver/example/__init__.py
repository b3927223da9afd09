"""A driver in C as a worked example."""

from importlib import resources


def example_files(name: str = "accelerator") -> dict[str, str]:
    """Sources and headers by their file names, for the header `name`.h, with names of their own."""
    files = ("example.c", "accelerator_driver.h", "host_ops.c", "accelerator_host_ops.h")
    return {_renamed(file, name): _renamed(_text(file), name) for file in files}


def _text(file: str) -> str:
    return resources.files("hwsim.rtl.deliver.example").joinpath(file).read_text("utf-8")


def _renamed(text: str, name: str) -> str:
    return (
        text.replace("ACCELERATOR_", f"{name.upper()}_")
        .replace("accelerator_", f"{name}_")
        .replace("accelerator.h", f"{name}.h")
    )
