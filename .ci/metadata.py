"""Where the project is published stands in its metadata: read off the machine that publishes it.

In a checkout nobody knows where it will be published. A machine that builds for publication sets GITHUB_REPOSITORY;
then the package's metadata has the project's addresses, and the README's links lead there from PyPI too.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Published(MetadataHookInterface):
    """The README, and the addresses of the project where they are known."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill what pyproject.toml leaves open."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        where = os.environ.get("GITHUB_REPOSITORY", "")
        if where:
            owner, _, name = where.partition("/")
            home = f"https://github.com/{where}"
            metadata["urls"] = {
                "Source": home,
                "Documentation": f"https://{owner}.github.io/{name}/",
                "Issues": f"{home}/issues",
                "Changelog": f"https://{owner}.github.io/{name}/changelog.html",
            }
            text = absolute(text, home)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def absolute(text: str, home: str) -> str:
    """The README with links to files as links to the repository, pictures as what is in them."""
    text = re.sub(r"(!\[[^\]]*\]\()(?!\w+:|#)", rf"\g<1>{home}/raw/main/", text)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!\w+:|#)", rf"\g<1>{home}/blob/main/", text)
