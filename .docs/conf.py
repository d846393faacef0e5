"""How Sphinx makes the site; `build.py` calls it."""

import os

project = "tinygrad_lite"
author = "The tinygrad_lite developers"
project_copyright = author
extensions = ["myst_nb", "sphinx_copybutton"]
exclude_patterns = ["notebooks/zh/README*", "class"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebooks; their outputs are stored
html_theme = "furo"
html_title = "tinygrad_lite"
html_show_sourcelink = False
repository = os.environ.get("GITHUB_REPOSITORY", "")  # set where the site is published
html_theme_options = {"top_of_page_buttons": []}
if repository:
    html_theme_options["source_repository"] = f"https://github.com/{repository}/"
    html_theme_options |= {"source_branch": "main", "source_directory": ".docs/"}
suppress_warnings = ["mystnb.unknown_mime_type"]
python_maximum_signature_line_length = 88
add_module_names = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
