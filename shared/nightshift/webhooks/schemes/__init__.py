"""One module for each way in which providers sign their webhooks."""
