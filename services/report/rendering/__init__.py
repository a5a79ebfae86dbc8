"""Turn a report into HTML, SVG and CSV."""
