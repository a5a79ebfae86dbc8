"""The demo: real jobs on the whole stack, on real input, each with what it is expected to do."""
