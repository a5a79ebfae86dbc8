"""How fast it is: measured beside a reference, in one run."""
