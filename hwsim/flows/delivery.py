"""Generate the accelerator of a configuration as Verilog, with all that its integration needs."""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version

from hwsim.arch.config import Config
from hwsim.cache import tools_can_cache
from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.extras import needing_extra
from hwsim.flows.progress import Progress, silent, single_step
from hwsim.flows.settings import hardware_name
from hwsim.report.delivery import SCHEMA_VERSION, DeliveredFile, Delivery, Port

TOP = "accelerator"
HTML = "html"
GUIDE = "README.md"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")  # a name in Verilog, SystemRDL and C
MEMORY = "memory"  # `hwsim compile` writes memory.h
STANDARD_HEADERS = """
aio arpa assert complex cpio ctype dirent dlfcn endian errno fcntl fenv float fmtmsg fnmatch ftw
glob grp iconv inttypes iso646 langinfo libgen libintl limits locale math monetary mqueue ndbm net
netdb netinet nl_types poll pthread pwd regex sched search semaphore setjmp signal spawn stdalign
stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string strings
stropts sys syslog tar termios tgmath threads time trace uchar ulimit unistd utime utmpx wchar
wctype wordexp
"""
HEADERS = frozenset(STANDARD_HEADERS.split())  # of C and POSIX: NAME.h must not hide one

Contents = dict[str, str | bytes]  # by path within the folder


def check_name(name: str) -> None:
    """Raise `InputError` for a name that is illegal in a language of the delivered files."""
    from hwsim.rtl.deliver.verilog import KEYWORDS

    if not NAME.fullmatch(name):
        raise InputError(
            f"name {quoted(name)} must be letters, digits and _, a letter first, up to 63"
        )
    if name in KEYWORDS:
        raise InputError(f"name {quoted(name)} is a keyword of Verilog")
    if name.lower() == MEMORY:
        raise InputError(f"name {quoted(name)} is taken: `hwsim compile` writes {MEMORY}.h")
    if name.lower() in HEADERS:
        raise InputError(
            f"name {quoted(name)} is taken: {name.lower()}.h is a header of C or POSIX"
        )


def deliver(
    config: Config,
    name: str = TOP,
    folder: str = "",
    on_paths: Callable[[list[str]], None] = lambda _paths: None,
    progress: Progress = silent,
) -> tuple[Delivery, Contents]:
    """Generate everything for one configuration, with `name` as the top module.

    `on_paths` is called with every file's path within the folder before the long part begins, so
    that it can refuse paths that cannot be written. `folder` is for the document alone; nothing is
    written.
    """
    with needing_extra("rtl", "the accelerator's Verilog"):
        from hwsim.rtl.accelerator import accelerator_files
        from hwsim.rtl.deliver.fusesoc import core_file
        from hwsim.rtl.deliver.guide import connection_guide
        from hwsim.rtl.deliver.timing import constraints
        from hwsim.rtl.deliver.verilog_contents import ports
        from hwsim.rtl.deliver.wrappers import module_names

        check_name(name)
        with progress("writing Verilog", 2) as advance, tools_can_cache():
            files = _before_the_verilog(config, name)
            later = [f"{module}.v" for module in (name, *module_names(config, name))]
            on_paths([*files, *later, f"{name}.core", f"{name}.sdc", GUIDE])
            advance()
            modules = accelerator_files(config, name)
            advance()
        found = ports(modules[name], name)
        files |= {f"{module}.v": text for module, text in modules.items()}
        files[f"{name}.core"] = core_file(config, name, modules)
        files[f"{name}.sdc"] = constraints(config, name, found)
        files[GUIDE] = connection_guide(config, name, modules)
        return _document(config, name, folder, found, files), files


def verilog(config: Config, progress: Progress = silent) -> str:
    """Generate the Verilog alone, with the default name.

    What it becomes is kept by a hash of its text, in which a memory that was set in a call must not
    stand, as it concerns no hardware.
    """
    from hwsim.rtl.accelerator import accelerator_verilog

    unchanged = config.model_copy(update={"name": hardware_name(config)})
    with single_step(progress, "generating the Verilog"), tools_can_cache():
        return accelerator_verilog(unchanged, TOP)


def _before_the_verilog(config: Config, name: str) -> Contents:
    from hwsim.rtl.deliver.example import example_files
    from hwsim.rtl.deliver.lint import waivers
    from hwsim.rtl.deliver.system_rdl import write_manual

    manual = write_manual(config, name)
    files: Contents = {f"{HTML}/{path}": content for path, content in manual.files.items()}
    files |= {
        f"{name}.rdl": manual.rdl,
        f"{name}.h": manual.header,
        f"{name}.vlt": waivers(name),
    }
    return files | example_files(name)


def _document(
    config: Config,
    name: str,
    folder: str,
    ports: Mapping[str, tuple[str, int]],
    files: Contents,
) -> Delivery:
    return Delivery(
        schema_version=SCHEMA_VERSION,
        hwsim_version=version("hwsim"),
        command="rtl",
        config=config.model_dump(),
        name=name,
        folder=folder,
        ports=tuple(Port(port, direction, bits) for port, (direction, bits) in ports.items()),
        files=tuple(
            DeliveredFile(path, len(content.encode() if isinstance(content, str) else content))
            for path, content in sorted(files.items())
        ),
    )
