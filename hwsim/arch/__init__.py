"""The accelerator's configuration, the presets, and the pipeline depths of the hardware."""
