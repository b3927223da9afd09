"""`--memory`: another external memory than the configuration's."""

import re

from pydantic import ValidationError

from hwsim.arch.config import Config, first_line
from hwsim.errors import InputError

IDEAL = "ideal"
FIELDS = {"latency": "latency_cycles", "bandwidth": "bandwidth_bytes_per_cycle"}
PAIR = re.compile(r"(\w+)=([0-9]{1,9})")


def with_memory(config: Config, memory: str | None) -> Config:
    """The config with this memory behind its bus. `ideal`: latency 1, a word per cycle."""
    if memory is None:
        return config
    values = config.model_dump()
    named: set[str] = set()
    if memory == IDEAL:
        values["memory"] = {"latency_cycles": 1, "bandwidth_bytes_per_cycle": config.word_bytes}
        return Config.model_validate(values)
    for part in memory.split(","):
        match = PAIR.fullmatch(part)
        if match is None or match[1] not in FIELDS:
            raise InputError(
                f"--memory {memory}: '{part}' is none of {IDEAL}, latency=CYCLES, bandwidth=BYTES"
            )
        if match[1] in named:
            raise InputError(f"--memory {memory}: names {match[1]} twice")
        named.add(match[1])
        values["memory"][FIELDS[match[1]]] = int(match[2])
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(f"--memory {memory}: {first_line(error)}") from None
