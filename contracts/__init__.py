"""What may be said: the messages that producers and services exchange."""
