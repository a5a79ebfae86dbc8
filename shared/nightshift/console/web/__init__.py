"""Requests and answers: routes, the door that checks each, pages and forms."""
