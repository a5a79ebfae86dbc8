"""Generate documents, schemas and clients from the contracts, and detect breaking changes."""
