"""How a report looks: HTML, CSV, charts."""
