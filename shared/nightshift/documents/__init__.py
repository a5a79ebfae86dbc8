"""What is generated from messages: JSON Schemas, AsyncAPI, TypeScript; and what in them breaks an earlier release."""
