"""Who logs in where: users of the broker, roles of the database, keys of the object store; a folder for each."""
