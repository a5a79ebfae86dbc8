"""What the console's commands do, loaded when one is run."""
