"""What is generated from messages: schemas, AsyncAPI, TypeScript; the gate."""
