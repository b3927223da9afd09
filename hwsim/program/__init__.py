"""The program for the accelerator: descriptors, tilings and the memory map."""
