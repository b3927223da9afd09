"""`hwsim configs`: the built-in accelerators, and their TOML as a start for one's own."""

import click

from hwsim.cli.options import common_options


@click.group(invoke_without_command=True)
@click.pass_context
@common_options
def configs(ctx: click.Context) -> None:
    """List the built-in accelerators, or show one as TOML."""
    if ctx.invoked_subcommand is None:
        from hwsim.arch.config import PRESETS, load_config

        for name in PRESETS:
            config = load_config(name)
            click.echo(
                f"{name:6}{config.array.input_lanes:>3}x{config.array.output_lanes:<3}"
                f"{config.macs_per_cycle:>5} MACs/cycle  {config.clock.clock_hz / 1e6:g} MHz"
                f"{config.buffers.feature_bytes // 1024:>5} KiB features"
                f"{config.buffers.weight_bytes // 1024:>5} KiB weights"
                f"{config.bus.bus_bits:>5}-bit bus"
            )


@configs.command()
@click.argument("preset")
@common_options
def show(preset: str) -> None:
    """Print PRESET's TOML, comments included: redirect it to a file and change that."""
    from hwsim.arch.config import preset_text

    click.echo(preset_text(preset), nl=False)
