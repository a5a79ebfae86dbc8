"""The checks of `nightshift doctor`."""
