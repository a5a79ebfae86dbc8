"""The child process that inspects one file: its confinement, its decoders, the thumbnail."""
