"""`hwsim configs`: the built-in accelerators, and their TOML as a start for one's own."""

import click

from hwsim.cli.options import common_options


@click.group(invoke_without_command=True)
@click.pass_context
@common_options
def configs(ctx: click.Context) -> None:
    """List the built-in accelerators, or show one as TOML."""
    if ctx.invoked_subcommand is None:
        from hwsim.flows.configuration import configs as presets

        for preset in presets():
            click.echo(
                f"{preset.name:6}{preset.input_lanes:>3}x{preset.output_lanes:<3}"
                f"{preset.macs_per_cycle:>5} MACs/cycle  {preset.clock_hz / 1e6:g} MHz"
                f"{preset.feature_bytes // 1024:>5} KiB features"
                f"{preset.weight_bytes // 1024:>5} KiB weights"
                f"{preset.bus_bits:>5}-bit bus"
            )


@configs.command()
@click.argument("preset")
@common_options
def show(preset: str) -> None:
    """Print PRESET's TOML, comments included: redirect it to a file and change that."""
    from hwsim.arch.config import preset_text

    click.echo(preset_text(preset), nl=False)
