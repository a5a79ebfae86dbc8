"""The metadata that all tables of the application are on."""

from sqlalchemy import MetaData

from nightshift.database.columns import NAMING_CONVENTION

metadata = MetaData(naming_convention=NAMING_CONVENTION)
