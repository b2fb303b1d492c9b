"""The link that opens a line in the editor.

Lives here: what ``CARBOY_EDITOR`` may say.
Must not know: pages.
"""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import quote

#: By the names one would try. ``{path}`` begins with a slash.
_EDITORS: Final = {
    "vscode": "vscode://file{path}:{line}:{column}",
    "code": "vscode://file{path}:{line}:{column}",
    "vscode-insiders": "vscode-insiders://file{path}:{line}:{column}",
    "vscodium": "vscodium://file{path}:{line}:{column}",
    "codium": "vscodium://file{path}:{line}:{column}",
    "cursor": "cursor://file{path}:{line}:{column}",
    "windsurf": "windsurf://file{path}:{line}:{column}",
    "zed": "zed://file{path}:{line}:{column}",
    "pycharm": "pycharm://open?file={path}&line={line}",
    "idea": "idea://open?file={path}&line={line}",
    "sublime": "subl://open?url=file://{path}&line={line}",
    "subl": "subl://open?url=file://{path}&line={line}",
    "textmate": "txmt://open?url=file://{path}&line={line}",
    "macvim": "mvim://open?url=file://{path}&line={line}",
    "emacs": "emacs://open?url=file://{path}&line={line}",
}

#: Links to these would run in the page.
_NOT_EDITORS: Final = frozenset({"javascript", "data", "blob", "vbscript"})


def editor_link(path: str, line: int, column: int | None) -> str | None:
    """The link for a line of a file; ``None`` when ``CARBOY_EDITOR`` names no editor.

    :param path: of the file, absolute
    :param column: from 0
    """
    wanted = os.environ.get("CARBOY_EDITOR", "").strip()
    template = _EDITORS.get(wanted.lower(), wanted)
    scheme = re.match(r"([a-zA-Z][\w+.-]*):", template)
    if scheme is None or scheme[1].lower() in _NOT_EDITORS or not os.path.isabs(path):
        return None
    path = quote(path.replace(os.sep, "/"))
    if not path.startswith("/"):
        path = f"/{path}"
    for name, value in (("path", path), ("line", line), ("column", (column or 0) + 1)):
        template = template.replace(f"{{{name}}}", str(value))
    return template
