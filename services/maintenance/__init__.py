"""The maintenance service: deletes what nobody needs any more, and says what it kept."""
