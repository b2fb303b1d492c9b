"""Where the package of a program is installed.

Lives here: :func:`find_package`, by which an application finds its instance folder.
Must not know: applications.
"""

from __future__ import annotations

import importlib.util
import os
import sys


def _is_within(path: str, folder: str) -> bool:
    try:
        return os.path.commonpath([folder, path]) == folder
    except ValueError:  # Different drives have nothing in common.
        return False


def _find_package_path(import_name: str) -> str:
    """The folder that contains the top-level package or module of *import_name*."""
    root_name, _, _ = import_name.partition(".")
    try:
        spec = importlib.util.find_spec(root_name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return os.getcwd()
    if spec.submodule_search_locations:
        if spec.origin in {None, "namespace"}:
            # The portion of the namespace that holds the module itself.
            module = importlib.util.find_spec(import_name)
            locations = list(spec.submodule_search_locations)
            origin = None if module is None else module.origin
            folder = next(
                (f for f in locations if origin is not None and _is_within(origin, f)),
                locations[0],
            )
            return os.path.dirname(folder)
        assert spec.origin is not None
        return os.path.dirname(os.path.dirname(spec.origin))
    if spec.origin is None or not spec.has_location:
        return os.getcwd()
    return os.path.dirname(spec.origin)


def find_package(import_name: str) -> tuple[str | None, str]:
    """Where a package is installed.

    :param import_name: the name of a package or module
    :returns: the prefix of the installation (``None`` for a project that is not installed), and
        the folder from which it is imported
    """
    package_path = _find_package_path(import_name)
    py_prefix = os.path.abspath(sys.prefix)
    if _is_within(os.path.abspath(package_path), py_prefix):
        return py_prefix, package_path

    site_parent, site_folder = os.path.split(package_path)
    if site_folder.lower() == "site-packages":
        parent, folder = os.path.split(site_parent)
        if folder.lower() == "lib":  # Windows: prefix/Lib/site-packages
            return parent, package_path
        if os.path.basename(parent).lower() == "lib":  # prefix/lib/python3.x/site-packages
            return os.path.dirname(parent), package_path
        return site_parent, package_path
    return None, package_path
