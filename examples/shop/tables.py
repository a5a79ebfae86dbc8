"""The shop's tables."""

from sqlalchemy import Column, Integer, MetaData, Table, Text

charges = Table("charges", MetaData(), Column("invoice_id", Text, primary_key=True), Column("cents", Integer))
