"""The one error of migrations, apart from them, so that whoever raises it need not load them."""


class MigrationError(Exception):
    """The database cannot be brought to this version's tables; the text says why and what to do."""
