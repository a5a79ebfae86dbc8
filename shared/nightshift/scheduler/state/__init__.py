"""What the broker remembers about schedules."""
