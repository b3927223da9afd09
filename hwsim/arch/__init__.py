"""The accelerator as parameters: its configuration, the presets, and the pipeline depths."""
