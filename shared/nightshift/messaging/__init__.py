"""Jobs as messages: publishing, inbox, outbox, claim checks."""
