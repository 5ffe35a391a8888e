"""How Sphinx builds README and docs; bin/docs calls it.

The source directory is the whole repository, so that links between README and docs are the same on
a code host and in the built pages.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

project = "postfix_sasl"
extensions = ["myst_parser", "salt_functions"]
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "bench/RESULTS.md"]
exclude_patterns = ["docs/_build", "**/.*"]

# Links to headings as a code host makes them.
myst_heading_anchors = 3
# Commands with a prompt, and what they print; YAML with [...] in it is no YAML.
highlight_language = "console"
suppress_warnings = ["misc.highlighting_failure"]
# -- stays --.
smartquotes = False

html_theme = "furo"
html_title = "postfix_sasl"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
