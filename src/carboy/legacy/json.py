"""JSON by classes of encoders and decoders, and by settings.

Lives here: ``JSONEncoder`` and ``JSONDecoder``, the provider that lets those of the application
and of its blueprints count, and what the old settings mean for the provider.
Must not know: who sends and receives the JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..globals import _cv_ctx
from ..json import dumps
from ..json.provider import DefaultJSONProvider, JSONProvider, _default
from ..old_names import deprecated

if TYPE_CHECKING:
    from ..app import App


class JSONEncoder(json.JSONEncoder):
    """Writes what the standard library does not know, as the default provider does."""

    def default(self, o: Any) -> Any:
        """A value that can be serialised, for one that cannot.

        :param o: the object
        :raises TypeError: there is none
        """
        return _default(o)


class JSONDecoder(json.JSONDecoder):
    """Reads JSON as the standard library does."""


def htmlsafe_dumps(obj: Any, **kwargs: Any) -> Markup:
    """JSON that may stand in a ``<script>`` element.

    :param obj: the data
    :param kwargs: for :func:`carboy.json.dumps`
    """
    from jinja2.utils import htmlsafe_json_dumps

    return htmlsafe_json_dumps(obj, dumps=dumps, **kwargs)


class _EncodingProvider(DefaultJSONProvider):
    """Lets the ``json_encoder`` and ``json_decoder`` of blueprint and application count."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        encoder = _chosen(self._app, "json_encoder")
        if encoder is None or "cls" in kwargs:
            return super().dumps(obj, **kwargs)
        kwargs.setdefault("ensure_ascii", self.ensure_ascii)
        kwargs.setdefault("sort_keys", self.sort_keys)
        return json.dumps(obj, cls=encoder, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        decoder = _chosen(self._app, "json_decoder")
        if decoder is not None:
            kwargs.setdefault("cls", decoder)
        return super().loads(s, **kwargs)


def encoding(provider_class: type[JSONProvider]) -> type[JSONProvider]:
    """The class of providers that does as *provider_class* does with the chosen encoders.

    :param provider_class: one that does not build on the default provider stays as it is
    """
    if provider_class is DefaultJSONProvider:
        return _EncodingProvider
    builds_on_default = issubclass(provider_class, DefaultJSONProvider)
    if not builds_on_default or issubclass(provider_class, _EncodingProvider):
        return provider_class
    return type(provider_class.__name__, (provider_class, _EncodingProvider), {})


def use_classes(app: App) -> None:
    """Let the encoders and decoders of *app* and its blueprints count from now on."""
    provider = app.json
    wanted = encoding(type(provider))
    if type(provider) is wanted:
        return
    app.json = wanted(app)
    vars(app.json).update(vars(provider))
    if "jinja_env" in vars(app):
        app.jinja_env.policies["json.dumps_function"] = app.json.dumps


def own_class(scaffold: object, name: str) -> type[Any] | None:
    """The encoder or decoder that an application or blueprint was given.

    :param scaffold: the application or blueprint
    :param name: ``json_encoder`` or ``json_decoder``
    """
    own: type[Any] | None = vars(scaffold).get(name)
    if own is not None:
        return own
    # A provider holds its application by a proxy, which `type` would not see through.
    of_class = getattr(scaffold.__class__, name)
    return of_class if isinstance(of_class, type) else None


def _chosen(app: App, name: str) -> type[Any] | None:
    ctx = _cv_ctx.get(None)
    if ctx is not None and ctx._request_ctx is not None:
        blueprint = app.blueprints.get(ctx._request_ctx.request.blueprint)  # type: ignore[arg-type]
        if blueprint is not None and (own := own_class(blueprint, name)) is not None:
            return own
    return own_class(app, name)


#: Settings, and the attributes of the provider that they have become.
_ATTRIBUTES = {
    "JSON_AS_ASCII": "ensure_ascii",
    "JSON_SORT_KEYS": "sort_keys",
    "JSONIFY_MIMETYPE": "mimetype",
    "JSONIFY_PRETTYPRINT_REGULAR": "compact",
}


def heed(app: App, key: str, stacklevel: int) -> None:
    """Let an old setting have its effect.

    :param key: the setting, which the application's configuration holds
    :param stacklevel: of whom to warn, as for :func:`carboy.old_names.deprecated`
    """
    attribute = _ATTRIBUTES.get(key)
    if attribute is None or not isinstance(app.json, DefaultJSONProvider):
        return
    deprecated(key, f"Set 'app.json.{attribute}' instead.", stacklevel + 1)
    value = app.config[key]
    if attribute == "compact":
        # Without the setting, debug mode decides.
        value = False if value else None
    setattr(app.json, attribute, value)
