"""The console: what is wrong, why, and back to work, in a browser."""
