"""The commands of the email service that an operator runs."""
