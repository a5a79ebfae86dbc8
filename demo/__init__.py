"""The demo: real jobs on the whole stack, and checks of their results."""
