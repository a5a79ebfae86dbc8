"""What every message needs: its base class, names on the wire, headers, constraints."""
