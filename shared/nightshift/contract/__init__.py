"""What every message needs: base class, names on the wire, constraints."""
