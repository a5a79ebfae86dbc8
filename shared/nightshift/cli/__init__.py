"""The operator's command line: see, send, redrive, diagnose."""
