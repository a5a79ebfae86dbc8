"""What reports read from database and broker."""
