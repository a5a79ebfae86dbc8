"""The upload service: thumbnails, metadata and checksum of uploaded files."""
