"""The attributes that applications and blueprints had in earlier lines of Flask.

Lives here: two classes that ``Flask`` and ``Blueprint`` inherit from, and that only warn and
pass on: what does the work is imported when it is used.
Must not know: how the work is done.

How it works: an attribute that is used replaces what it concerns (the JSON provider, a stage of
the pipeline). Where none is used, nothing asks for them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..config import Config
from ..old_names import SETTINGS, deprecated

if TYPE_CHECKING:
    from ..app import Flask

F = TypeVar("F", bound=Callable[[], Any])

_HOOK = "Run the code when the application is made, or in 'before_request', instead."
_PROVIDER = "Use a JSON provider, 'app.json' or 'app.json_provider_class', instead."


class _Setting:
    """An attribute for a setting.

    :param key: the setting
    :param successor: what to use instead; the setting, unless it is an old one itself
    """

    def __init__(self, key: str, successor: str = "") -> None:
        self._key = key
        self._successor = successor or f'app.config["{key}"]'

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _warn(self, stacklevel: int) -> None:
        deprecated(f"app.{self._name}", f"Use '{self._successor}' instead.", stacklevel)

    def __get__(self, app: Flask | None, owner: type | None = None) -> Any:
        if app is None:
            return self
        self._warn(3)
        return app.config[self._key]

    def __set__(self, app: Flask, value: Any) -> None:
        self._warn(2 + app._frames_to_set)
        app.config[self._key] = value


class _JSONClass:
    """An attribute for a class of encoders or decoders."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, scaffold: Any, owner: type | None = None) -> Any:
        if scaffold is None:
            return self
        from . import json

        deprecated(self._name, _PROVIDER)
        return json.own_class(scaffold, self._name) or scaffold._default_json_class(self._name)

    def __set__(self, scaffold: Any, value: Any) -> None:
        deprecated(self._name, _PROVIDER, 1 + scaffold._frames_to_set)
        vars(scaffold)[self._name] = value
        scaffold._use_json_classes()


class OldApplication:
    """What an application had."""

    #: What lies between a setter and whoever sets: the ``__setattr__`` of applications.
    _frames_to_set = 2

    env = _Setting("ENV", "app.debug")
    send_file_max_age_default = _Setting("SEND_FILE_MAX_AGE_DEFAULT")
    session_cookie_name = _Setting("SESSION_COOKIE_NAME")
    templates_auto_reload = _Setting("TEMPLATES_AUTO_RELOAD")
    use_x_sendfile = _Setting("USE_X_SENDFILE")
    json_decoder = _JSONClass()
    json_encoder = _JSONClass()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "json_encoder" in cls.__dict__ or "json_decoder" in cls.__dict__:
            from . import json

            deprecated(f"{cls.__name__}.json_encoder", _PROVIDER)
            app_class: type[Flask] = cls  # type: ignore[assignment]
            app_class.json_provider_class = json.encoding(app_class.json_provider_class)

    def _default_json_class(self, name: str) -> type[Any]:
        from . import json

        return json.JSONEncoder if name == "json_encoder" else json.JSONDecoder

    def _use_json_classes(self: Any) -> None:
        from . import json

        json.use_classes(self)

    def _heed_old_settings(self: Any) -> None:
        """Let settings that only earlier lines had take effect, those of now and later."""
        if isinstance(self.config, Config):
            self.config._app = weakref.ref(self)
        if not SETTINGS.keys().isdisjoint(self.config):
            for key in SETTINGS.keys() & self.config.keys():
                self._heed_old_setting(key, stacklevel=3)

    def _heed_old_setting(self: Any, key: str, stacklevel: int) -> None:
        from . import json

        json.heed(self, key, stacklevel + 1)

    @property
    def got_first_request(self: Any) -> bool:
        """Whether a request was handled."""
        deprecated("app.got_first_request", "Keep count in 'before_request' instead.")
        return self._got_first_request  # type: ignore[no-any-return]

    @property
    def propagate_exceptions(self: Any) -> bool:
        """Whether exceptions that nobody handles reach the server."""
        deprecated(
            "app.propagate_exceptions", "Use 'app.config[\"PROPAGATE_EXCEPTIONS\"]' instead."
        )
        set_to: bool | None = self.config["PROPAGATE_EXCEPTIONS"]
        return self.testing or self.debug if set_to is None else set_to

    @property
    def preserve_context_on_exception(self: Any) -> bool:
        """Whether a debugger was to find the context of a failed request."""
        deprecated("app.preserve_context_on_exception", "It has no effect any more.")
        set_to: bool | None = self.config.get("PRESERVE_CONTEXT_ON_EXCEPTION")
        return self.debug if set_to is None else set_to

    @property
    def before_first_request_funcs(self: Any) -> list[Callable[[], Any]]:
        """The functions that run before the first request."""
        deprecated("app.before_first_request_funcs", _HOOK)
        from . import first_request

        return first_request.of(self).functions

    @before_first_request_funcs.setter
    def before_first_request_funcs(self: Any, value: list[Callable[[], Any]]) -> None:
        deprecated("app.before_first_request_funcs", _HOOK, 1 + self._frames_to_set)
        from . import first_request

        first_request.of(self).functions = value

    def before_first_request(self: Any, f: F) -> F:
        """Call *f* once, before the first request."""
        deprecated("app.before_first_request", _HOOK)
        self._check_setup_finished("before_first_request")
        from . import first_request

        first_request.of(self).functions.append(f)
        return f

    def try_trigger_before_first_request_functions(self: Any) -> None:
        """Call what waits for the first request, if it was not called yet."""
        deprecated("app.try_trigger_before_first_request_functions", _HOOK)
        from . import first_request

        first_request.of(self).run()


class OldBlueprint:
    """What a blueprint had."""

    _frames_to_set = 1

    json_decoder = _JSONClass()
    json_encoder = _JSONClass()

    def _default_json_class(self, name: str) -> None:
        return None

    def _use_json_classes(self: Any) -> None:
        from . import json

        self.record(lambda state: json.use_classes(state.app))

    def before_app_first_request(self: Any, f: F) -> F:
        """Call *f* once, before the first request of the application."""
        deprecated("blueprint.before_app_first_request", _HOOK)
        from . import first_request

        self.record_once(lambda state: first_request.of(state.app).functions.append(f))
        return f
