"""Stand-ins for the outside services that the demo pulls from."""
