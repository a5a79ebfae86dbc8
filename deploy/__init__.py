"""Programs of the compose stack besides the services."""
