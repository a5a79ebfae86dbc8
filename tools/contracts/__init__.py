"""Makes documents, schemas and clients out of the contracts, and finds what would break those who rely on them."""
