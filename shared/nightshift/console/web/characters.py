"""Characters that no page can carry."""

import re

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Those that HTML forbids: controls and surrogates."""
