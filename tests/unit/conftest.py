"""How the property tests run: as many examples as usual, without a time limit for each."""

from hypothesis import settings

# A busy machine is no defect: an example that takes 300 ms there says nothing about the rule.
settings.register_profile("nightshift", deadline=None)
settings.load_profile("nightshift")
