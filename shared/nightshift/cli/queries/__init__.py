"""What commands ask broker and database."""
