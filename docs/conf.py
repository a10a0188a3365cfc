"""Sphinx settings: `make docs` builds the site, and a warning is an error."""

import os
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

# autodoc imports the package; nothing there may start TensorFlow's chatter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import bnn_lab  # noqa: E402

# Where the site and the repository are is written once.
_URLS = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["urls"]

project = "bnn_lab"
copyright = "the bnn_lab authors, Apache-2.0"
release = bnn_lab.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "api_pages",
    "explorables",
    "generated_pages",
    "latency_page",
    "mathml",
    "measure_page",
    "plain_docstrings",
    "repository_links",
    "site_meta",
    "studies",
]
exclude_patterns = ["_build", "_ext"]
language = "en"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
# Lessons are run and checked by nbval; here their stored outputs are shown.
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # the scores at the end of a lesson are a table

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False

html_theme = "furo"
html_title = "bnn_lab"
html_baseurl = _URLS["Documentation"]
site_repository = _URLS["Repository"]
# "Edit this page" needs some link; site_meta gives each page its own.
html_theme_options = {"source_edit_link": site_repository}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_search_scorer = str(HERE / "search_scorer.js")
