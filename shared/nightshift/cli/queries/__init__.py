"""The questions that commands ask broker and database."""
