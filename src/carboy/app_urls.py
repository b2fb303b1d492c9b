"""The URLs of an application: seen from a request, or from outside of one.

Lives here: ``URLs``, the part of an application that binds its map to a request, builds URLs,
and redirects.
Must not know: how a rule is matched or built, which is in ``routing``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.routing import BuildError, MapAdapter
from werkzeug.utils import redirect as _wz_redirect

from .ctx import RequestContext, _sentinel
from .globals import _cv_ctx
from .hooks import hooks_for
from .pipeline import Pipeline
from .wrappers import Request, Response
from .wrappers.response import redirect

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse


class URLs(Pipeline):
    """The part of an application that concerns URLs; see :class:`carboy.Flask`."""

    url_build_error_handlers: list[Callable[[Exception, str, dict[str, Any]], str]]

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The adapter that matches the URL of *request*, and builds URLs seen from it.

        :param request: ``None`` to build URLs outside of a request
        :returns: ``None`` when there is no request and no ``SERVER_NAME``
        :raises werkzeug.exceptions.SecurityError: the host is not one of ``TRUSTED_HOSTS``
        """
        server_name = self.config["SERVER_NAME"]
        if request is None:
            if server_name is None:
                return None
            return self.url_map.bind(
                server_name,
                script_name=self.config["APPLICATION_ROOT"],
                url_scheme=self.config["PREFERRED_URL_SCHEME"],
            )
        if (trusted_hosts := self.config["TRUSTED_HOSTS"]) is not None:
            request.trusted_hosts = trusted_hosts
        # Checks the host against them.
        _ = request.host
        if self.url_map.host_matching:
            return self.url_map.bind_to_environ(request.environ)
        subdomain = None
        if not self.subdomain_matching:
            subdomain = self.url_map.default_subdomain or ""
        return self.url_map.bind_to_environ(
            request.environ, server_name=server_name, subdomain=subdomain
        )

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """The URL of *endpoint*, with *values* for its variables.

        :param endpoint: its name; with a leading dot, one of the current blueprint
        :param _anchor: put after ``#``
        :param _method: choose among the endpoint's rules the one for this method
        :param _scheme: of an external URL
        :param _external: with scheme and host; by default only outside of a request
        :param values: the variables of the rule; others become the query
        :raises werkzeug.routing.BuildError: there is no such endpoint, or values are missing
        :raises RuntimeError: outside of a request, without ``SERVER_NAME``
        """
        ctx = _cv_ctx.get(None)
        req = None if ctx is None else ctx._request_ctx
        adapter = None
        if req is not None:
            if endpoint[:1] == ".":
                blueprint = req.request.blueprint
                endpoint = endpoint[1:] if blueprint is None else blueprint + endpoint
            if _external is None:
                _external = _scheme is not None
        else:
            adapter = self._url_adapter(ctx, None)
            if _external is None:
                _external = True
        if _scheme is not None and not _external:
            raise ValueError("When specifying '_scheme', '_external' must be True.")
        if self.url_default_functions or self._short is None:
            self.inject_url_defaults(endpoint, values)

        url = None
        if (
            not _external
            and req is not None
            and req.app is self
            # Somebody may have put an adapter of his own there.
            and (req._url_adapter is _sentinel or "_has_foreign_adapter" not in req.__dict__)
        ):
            url = self._build_path(req, endpoint, values, _method)
        if url is None:
            if adapter is None:
                adapter = self._url_adapter(ctx, req)
            try:
                url = adapter.build(
                    endpoint,
                    values,
                    method=_method,
                    url_scheme=_scheme,
                    force_external=_external,
                )
            except BuildError as error:
                values.update(
                    _anchor=_anchor,
                    _method=_method,
                    _scheme=_scheme,
                    _external=_external,
                )
                return self.handle_url_build_error(error, endpoint, values)
        if _anchor is not None:
            # https://url.spec.whatwg.org/#fragment-state, as Werkzeug quotes fragments.
            _anchor = quote(_anchor, safe="%!#$&'()*+,/:;=?@")
            url = f"{url}#{_anchor}"
        return url

    def _build_path(
        self,
        req: RequestContext,
        endpoint: str,
        values: dict[str, Any],
        method: str | None,
    ) -> str | None:
        """The path of *endpoint* without an adapter, where the map can do without."""
        if (self._short or self._the_short_way()) is None or (script_name := req._mount()) is None:
            return None
        path = self.url_map.build_path(endpoint, values, method, req._method())
        if path is not None and script_name:
            # The adapter knows how other text is decoded and quoted.
            return script_name.rstrip("/") + path if script_name.isascii() else None
        return path

    def _url_adapter(self, ctx: Any, req: RequestContext | None) -> Any:
        if req is not None:
            adapter = req.url_adapter
        elif ctx is not None:
            adapter = ctx._app_ctx.url_adapter
        else:
            adapter = self.create_url_adapter(None)
        if adapter is None:
            raise RuntimeError(
                "Unable to build URLs outside an active request"
                " without 'SERVER_NAME' configured. Also configure"
                " 'APPLICATION_ROOT' and 'PREFERRED_URL_SCHEME' as"
                " needed."
            )
        return adapter

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Have the ``url_defaults`` functions add to *values*, which are changed in place.

        :param endpoint: the endpoint of the URL
        :param values: its values
        """
        for functions in hooks_for(self.url_default_functions, endpoint):
            for add_defaults in functions:
                add_defaults(endpoint, values)

    def handle_url_build_error(
        self, error: BuildError, endpoint: str, values: dict[str, Any]
    ) -> str:
        """Ask the ``url_build_error_handlers`` for a URL that could not be built.

        :param error: the error, being handled
        :param endpoint: the endpoint of the URL
        :param values: the arguments of ``url_for``
        :raises werkzeug.routing.BuildError: none of them has one
        """
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as e:
                error = e
            else:
                if url is not None:
                    return url
        raise error

    def redirect(self, location: str, code: int = 302) -> BaseResponse:
        """A response that sends the client to *location*; what ``carboy.redirect`` calls.

        :param location: a URL, relative or absolute
        :param code: 301, 302, 303, 305, 307 or 308
        """
        if self.response_class is not Response:
            return _wz_redirect(location, code, self.response_class)
        return redirect(location, code)
