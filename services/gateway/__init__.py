"""The HTTP door: jobs, files and third-party events come in here, and their state can be asked for."""
