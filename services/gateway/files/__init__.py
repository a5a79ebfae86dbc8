"""The routes of files: uploads through the gateway and past it, state, events, downloads."""
