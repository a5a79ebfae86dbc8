"""The application's migrations, one revision a file; `provision` runs them after those of the library."""
