"""Settings from the environment, secrets, TLS and datastore URLs."""
