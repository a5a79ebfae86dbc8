"""An HTTP client with limits on size and time that requests no private addresses."""
