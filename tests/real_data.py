"""Where the checkout is, and the real corpora if they are at hand: in $TINYRNN_DATA, or beside it in shared/."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("TINYRNN_DATA") or ROOT.parent / "shared" / "data")
