"""What people do: each asked first, with what it will do, and recorded."""
