"""The routes of documents: the OpenAPI document, and pages that people read."""
