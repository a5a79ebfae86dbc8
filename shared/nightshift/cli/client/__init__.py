"""The surroundings of a command: settings, connections, contracts."""
