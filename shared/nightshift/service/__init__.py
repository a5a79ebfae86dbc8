"""Services as an application declares them in its own package."""
