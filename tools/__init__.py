"""What the developers of the project run: generators and gates."""
