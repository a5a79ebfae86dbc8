"""Draw the rooms of the library and the folders of the repository from their imports."""
