"""Who logs in where: users of the broker, roles, keys; a folder of files for each."""
