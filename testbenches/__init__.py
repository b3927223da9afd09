"""The benches that cocotb runs in the simulator, and the code that builds and judges them."""
