"""The instruction set: fields, rules, tokens, registers and error codes, one table each."""
