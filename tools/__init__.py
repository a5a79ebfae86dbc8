"""Programs for the developers of the project: generators and gates."""
