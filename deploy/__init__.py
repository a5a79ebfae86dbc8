"""What the containers of the compose stack run besides the services."""
