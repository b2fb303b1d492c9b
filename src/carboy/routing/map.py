"""``Map``: the rules of an application, and the short ways to and from them.

Lives here: the map, which keeps matcher and builders in step with its rules; ``find`` and
``build_path``, which answer the common questions without an adapter.
Must not know: requests, views. What a redirect looks like is for Werkzeug's ``MapAdapter``.

How it works: rules are collected as they are added and sorted into the matcher's tree once, on
the first question after that, under the map's lock. Readers take no lock: what they read is
replaced, never rearranged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug import routing
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Rule, RuleFactory
from werkzeug.routing.converters import DEFAULT_CONVERTERS
from werkzeug.routing.matcher import SlashRequired

from .builder import PathBuilder
from .matcher import TreeMatcher
from .tree import Outcome, State

_BUILT_IN = frozenset(DEFAULT_CONVERTERS.values())


class Map(routing.Map):
    """The URL rules of an application, as :class:`werkzeug.routing.Map`, with its parameters.

    Adapters, rules, factories and converters work as they do there; matching takes the same
    time however many rules there are.
    """

    _matcher: TreeMatcher

    def __init__(
        self,
        rules: Iterable[RuleFactory] | None = None,
        default_subdomain: str = "",
        strict_slashes: bool = True,
        merge_slashes: bool = True,
        redirect_defaults: bool = True,
        converters: Mapping[str, type[BaseConverter]] | None = None,
        sort_parameters: bool = False,
        sort_key: Callable[[Any], Any] | None = None,
        host_matching: bool = False,
    ) -> None:
        super().__init__(
            None,
            default_subdomain,
            strict_slashes,
            merge_slashes,
            redirect_defaults,
            converters,
            sort_parameters,
            sort_key,
            host_matching,
        )
        self._matcher = TreeMatcher(merge_slashes)
        self._exact: dict[str, Rule] = {}
        self._exact_too: dict[str, tuple[Rule, ...]] = {}
        self._entrance = State()
        self._top: State | None = None
        self._builders: dict[Any, tuple[PathBuilder, ...]] = {}
        self._shared_converters: dict[object, BaseConverter] = {}
        #: Whether to match may be to call a converter of the program's own.
        self.has_own_converters = False
        #: Whether there is a view that is called before the body of its request has been received.
        self.streams_bodies = False
        # Endpoints whose rules are to be sorted, and those with rules that others may prefer.
        self._unsorted: set[Any] = set()
        self._redirecting: set[Any] = set()
        for rulefactory in rules or ():
            self.add(rulefactory)

    @property
    def default_subdomain(self) -> str:
        """The subdomain of rules that don't name one."""
        return self._default_subdomain

    @default_subdomain.setter
    def default_subdomain(self, value: str) -> None:
        self._default_subdomain = value
        self._remap = True

    @property
    def host_matching(self) -> bool:
        """Whether rules are chosen by the host instead of the subdomain."""
        return self._host_matching

    @host_matching.setter
    def host_matching(self, value: bool) -> None:
        self._host_matching = value
        self._remap = True

    def add(self, rulefactory: RuleFactory) -> None:
        """Add a rule, or the rules of a factory, none of which belongs to a map yet.

        :param rulefactory: a rule or factory
        :raises ValueError: for a malformed rule
        :raises LookupError: for an unknown converter
        """
        for rule in rulefactory.get_rules(self):
            rule.bind(self)
            if not _BUILT_IN.issuperset(map(type, rule._converters.values())):
                self.has_own_converters = True
            if getattr(rule, "stream_body", False):
                self.streams_bodies = True
            with self._remap_lock:
                if not rule.build_only:
                    self._matcher.add(rule)
                self._rules_by_endpoint.setdefault(rule.endpoint, []).append(rule)
                self._unsorted.add(rule.endpoint)
                self._remap = True

    def resort(self) -> None:
        """Sort all rules anew before the next match, as some have been changed in place."""
        with self._remap_lock:
            self._matcher.reset()
            self._unsorted.update(self._rules_by_endpoint)
            self._remap = True

    def update(self) -> None:
        """Bring matching and building up to date with the rules, if need be."""
        if not self._remap:
            return
        with self._remap_lock:
            if not self._remap:
                return
            matcher = self._matcher
            matcher.domain = None if self.host_matching else self.default_subdomain
            matcher.update()
            for endpoint in self._unsorted:
                rules = sorted(
                    self._rules_by_endpoint[endpoint],
                    key=lambda rule: rule.build_compare_key(),
                )
                self._rules_by_endpoint[endpoint] = rules
                if len(rules) > 1 and any(rule.defaults for rule in rules):
                    self._redirecting.add(endpoint)
            self._unsorted.clear()
            self._exact = matcher.tree.exact
            self._exact_too = matcher.tree.exact_too
            entrance = matcher.tree.entrance
            self._entrance = entrance or State()
            self._top = None if entrance is None else entrance.static[""]
            self._builders = {}
            self._remap = False

    def find(self, path: str, method: str) -> tuple[Rule, dict[str, Any]] | None:
        """The short way to what ``bind(…, path_info=path).match(return_rule=True)`` gives.

        For an adapter that is bound to the default subdomain and not to a websocket.

        :param path: the decoded path, as in ``PATH_INFO``
        :param method: the request's method
        :return: the rule with a new dictionary of arguments; ``None`` when only an adapter
            can tell, as for a redirect
        :raises NotFound: when no rule matches
        :raises MethodNotAllowed: when rules match, but not with this method
        """
        if self._remap:
            self.update()
        rule = self._exact.get(path)
        if rule is not None:
            if rule.methods is None or method in rule.methods:
                return rule, {}
            for rule in self._exact_too.get(path, ()):
                if rule.methods is None or method in rule.methods:
                    return rule, {}

        # Where the first possibility at each part leads to a rule, no other can win.
        parts = path.split("/")
        state = self._entrance
        for part in parts:
            if part in state.static:
                state = state.static[part]
            elif state.first is None:
                break
            else:
                test, state = state.first
                if not test(part):
                    break
        else:
            part = ""
            for leaf in state.leaves:
                rule = leaf.rule
                if rule.methods is not None and method not in rule.methods:
                    continue
                direct = leaf.direct
                if direct is None or (self._redirecting and rule.endpoint in self._redirecting):
                    break
                arguments: dict[str, Any] = {}
                try:
                    for name, convert, position in direct:
                        text = parts[position]
                        arguments[name] = text if convert is None else convert(text)
                    return rule, arguments
                except ValueError:
                    break
        if part and state is self._top and not state.ways:
            # No rule begins with this part, and a redirect would not change it.
            raise NotFound
        return self._search(path, parts, method.upper())

    def _search(
        self, path: str, parts: list[str], method: str
    ) -> tuple[Rule, dict[str, Any]] | None:
        if self._host_matching:
            return None
        leaf, values, allowed, mismatch = self._leaf(path, parts, method)
        if leaf is None:
            if self.merge_slashes and "//" in path:
                return None
        elif leaf.special:
            return None
        elif (arguments := leaf.arguments(values)) is not None:
            if self._redirects(leaf.rule, arguments, method):
                return None
            return leaf.rule, arguments
        if allowed:
            raise MethodNotAllowed(valid_methods=list(allowed))
        if mismatch:
            return None
        raise NotFound

    def find_rule(self, path: str, method: str) -> Rule | None:
        """The rule that :meth:`find` gives, unless a converter refuses its value: none is called.

        :param path: the decoded path, as in ``PATH_INFO``
        :param method: the request's method
        :return: ``None`` when no rule matches, or only an adapter can tell
        """
        if self._remap:
            self.update()
        if self._host_matching:
            return None
        leaf = self._leaf(path, path.split("/"), method.upper())[0]
        return None if leaf is None or leaf.special else leaf.rule

    def _leaf(self, path: str, parts: list[str], method: str) -> Outcome:
        if parts[0] or not path[1:] or not parts[1]:
            # An adapter looks at a path with a single slash in front of it.
            parts = ["", *path.lstrip("/").split("/")] if path else [""]
        tree = self._matcher.tree
        entrance = tree.entrance
        if entrance is None:
            parts = [self.default_subdomain, *parts]
        try:
            return tree.search(parts, method, entrance=entrance)
        except SlashRequired:
            # Like a mismatch, this is an adapter's to explain.
            return None, (), None, True

    def _redirects(self, rule: Rule, arguments: dict[str, Any], method: str) -> bool:
        """Whether another rule of the endpoint has *arguments* as its defaults."""
        if not self.redirect_defaults or rule.endpoint not in self._redirecting:
            return False
        for other in self._rules_by_endpoint[rule.endpoint]:
            if other is rule:
                break
            if other.provides_defaults_for(rule) and other.suitable_for(arguments, method):
                return True
        return False

    def build_path(
        self,
        endpoint: Any,
        values: dict[str, Any],
        method: str | None = None,
        default_method: str = "GET",
    ) -> str | None:
        """The short way to what ``bind(…).build(endpoint, values, method)`` gives.

        For an adapter that is bound to the default subdomain and to the root of the host.

        :param endpoint: the rules' endpoint
        :param values: the values of variables and, beyond them, of the query
        :param method: only build for a rule with this method
        :param default_method: without *method*, prefer rules with this one
        :return: the path with the query; ``None`` when only an adapter can tell, as for a URL
            with a host, or can say what is wrong
        """
        if self._remap:
            self.update()
        if type(values) is not dict:
            return None
        builders = self._builders.get(endpoint)
        if builders is None:
            builders = self._make_builders(endpoint)
        if method is None and len(builders) == 1:
            return builders[0].build(values)
        if method is None:
            path = _first_path(builders, values, default_method)
            if path is not None:
                return path
        return _first_path(builders, values, method)

    def _make_builders(self, endpoint: Any) -> tuple[PathBuilder, ...]:
        # Kept where an update that happens meanwhile throws it away.
        kept = self._builders
        rules = self._rules_by_endpoint.get(endpoint)
        if rules is None:
            return ()
        domain = self.default_subdomain
        builders = [b for rule in rules if (b := PathBuilder.of(rule, domain)) is not None]
        if self.host_matching or len(builders) < len(rules):
            # Whether a rule is preferred that needs an adapter, only an adapter can tell.
            builders.clear()
        kept[endpoint] = tuple(builders)
        return kept[endpoint]


def _first_path(
    builders: Iterable[PathBuilder], values: Mapping[str, Any], method: str | None
) -> str | None:
    for builder in builders:
        if method is not None:
            methods = builder.rule.methods
            if methods is not None and method not in methods:
                continue
        if (path := builder.build(values)) is not None:
            return path
    return None
