"""``TreeMatcher``: the tree behind the interface of Werkzeug's matcher.

Lives here: what an adapter asks, and which of Werkzeug's exceptions is the answer.
Must not know: the map, how the tree is searched.

How it works: rules wait until the next update, which sorts them into the tree, or into a new
one that takes its place when rules have been changed.
"""

from __future__ import annotations

import re
from typing import Any

from werkzeug.routing import NoMatch, Rule, StateMachineMatcher
from werkzeug.routing.exceptions import RequestAliasRedirect, RequestPath
from werkzeug.routing.matcher import SlashRequired

from .tree import Outcome, Tree

_SLASHES = re.compile("/{2,}")


class TreeMatcher(StateMachineMatcher):
    """Gives the answers of Werkzeug's matcher.

    :param merge_slashes: answer a path with doubled slashes by the path without them
    """

    def __init__(self, merge_slashes: bool) -> None:
        self.merge_slashes = merge_slashes
        #: The domain whose exact paths the tree keeps apart, after the next update.
        self.domain: str | None = None
        self.tree = Tree(None)
        self._rules: list[Rule] = []
        self._waiting: list[Rule] = []
        self._stale = False

    def add(self, rule: Rule) -> None:
        """Take *rule* into the tree on the next update."""
        self._rules.append(rule)
        self._waiting.append(rule)

    def reset(self) -> None:
        """Sort all rules anew on the next update."""
        self._stale = True

    def update(self) -> None:
        """Bring the tree up to date with the rules."""
        tree, rules = self.tree, self._waiting
        if self._stale or tree.domain != self.domain:
            tree, rules = Tree(self.domain), self._rules
        # Should this fail half way, the next update begins with a new tree.
        self._stale = True
        tree.grow(rules)
        self.tree = tree
        self._waiting = []
        self._stale = False

    def match(
        self, domain: str, path: str, method: str, websocket: bool
    ) -> tuple[Rule, dict[str, Any]]:
        """The rule that matches and its arguments.

        :raises NoMatch: with the methods that would have matched
        :raises RequestPath: when only a slash is missing, or some are doubled
        :raises RequestAliasRedirect: when the rule is an alias for another
        """
        leaf, values, allowed, mismatch = self._search(domain, path, method, websocket)
        if leaf is None and self.merge_slashes and "//" in path:
            path = _SLASHES.sub("/", path)
            leaf, _, more, again = self._search(domain, path, method, websocket)
            if leaf is not None and leaf.rule.merge_slashes is not False:
                raise RequestPath(path)
            raise NoMatch({*(allowed or ()), *(more or ())}, mismatch or again)
        if leaf is None or (arguments := leaf.arguments(values)) is None:
            raise NoMatch(allowed or set(), mismatch)
        rule = leaf.rule
        if rule.alias and rule.map.redirect_defaults:
            raise RequestAliasRedirect(arguments, rule.endpoint)
        return rule, arguments

    def _search(self, domain: str, path: str, method: str, websocket: bool) -> Outcome:
        try:
            return self.tree.search([domain, *path.split("/")], method, websocket)
        except SlashRequired:
            raise RequestPath(f"{path}/") from None
