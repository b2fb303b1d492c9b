"""Sign the text of session cookies and read it back.

Lives here: ``CookieSerializer``, which signs and reads as itsdangerous does, and leaves short texts
uncompressed.
Must not know: sessions, applications, cookies. Keys and settings come in as arguments.

How it works: a signed text is ``payload.timestamp.signature``. What every request repeats is
done once: the keys are derived and the hashes that begin with them are kept, and payloads of
up to a kilobyte are compressed in a small window. A text that this cannot vouch for is given to
itsdangerous, which says what is wrong with it.
"""

from __future__ import annotations

import hmac
import time
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeTimedSerializer
from itsdangerous.encoding import int_to_bytes, want_bytes


class CookieSerializer(URLSafeTimedSerializer):
    """Signs and reads as its base does, but for short texts, in a fraction of the time."""

    def __init__(
        self,
        secret_keys: tuple[str | bytes, ...],
        salt: str,
        serializer: Any,
        key_derivation: str,
        digest_method: Callable[[bytes], Any],
    ) -> None:
        super().__init__(
            [want_bytes(key) for key in secret_keys],
            salt=salt,
            serializer=serializer,
            signer_kwargs={
                "key_derivation": key_derivation,
                "digest_method": digest_method,
            },
        )

    @cached_property
    def _macs(self) -> list[tuple[Any, Any]]:
        """For each key, the newest first, the two hashes of a signature that have taken the key
        and no text (RFC 2104)."""
        signer = self.make_signer()
        macs = []
        for key in map(signer.derive_key, reversed(signer.secret_keys)):
            size = signer.digest_method(b"").block_size
            key = (key if len(key) <= size else signer.digest_method(key).digest()).ljust(
                size, b"\0"
            )
            macs.append(
                (
                    signer.digest_method(bytes(byte ^ 0x36 for byte in key)),
                    signer.digest_method(bytes(byte ^ 0x5C for byte in key)),
                )
            )
        return macs

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> str:
        """The signed text for *obj*."""
        if salt is not None or not self.is_text_serializer:
            return super().dumps(obj, salt)
        signed = b"%b.%b" % (self.dump_payload(obj), _timestamp(int(time.time())))
        return (signed + b"." + _signature(self._macs[0], signed)).decode("ascii")

    def loads(  # type: ignore[override]  # as the base overrides its own base
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        """What *s* was made of; raises ``BadSignature`` when it is not ours or too old."""
        if max_age is not None and not return_timestamp and salt is None:
            try:  # suppress() takes as many steps as the signature
                json, signed_at = self._read(s)
                if 0 <= int(time.time()) - signed_at <= max_age:
                    payload: Any = json.decode() if self.is_text_serializer else json
                    return self.serializer.loads(payload)
            except Exception:
                pass  # The base says what is wrong.
        return super().loads(s, max_age, return_timestamp, salt)

    def _read(self, s: str | bytes) -> tuple[bytes, int]:
        """The JSON that *s* was made of, and when; raises when *s* is not ours."""
        text = s.encode() if isinstance(s, str) else s
        signed, _, signature = text.rpartition(b".")
        for mac in self._macs:
            if hmac.compare_digest(_signature(mac, signed), signature):
                break
        else:
            raise BadSignature("The signature is not made with any of the keys.")
        payload, _, timestamp = signed.rpartition(b".")
        if payload.startswith(b"."):
            json = zlib.decompress(_decoded(payload[1:]))
        else:
            json = _decoded(payload)
        return json, int.from_bytes(_decoded(timestamp), "big")

    def dump_payload(self, obj: Any) -> bytes:
        """The text for *obj* in the alphabet of URLs; a longer one is compressed if that makes it
        shorter."""
        json = want_bytes(self.serializer.dumps(obj))
        if len(json) >= _LONG and len(compressed := _compress(json)) < len(json) - 1:
            return b"." + _encoded(compressed)
        return _encoded(json)


#: From how many bytes on compressing is tried: that takes a fifth of what writing a session takes,
#: and nearly always makes a shorter text longer.
_LONG: Final = 64


def _signature(mac: tuple[Any, Any], text: bytes) -> bytes:
    inner, outer = mac[0].copy(), mac[1].copy()
    inner.update(text)
    outer.update(inner.digest())
    return _encoded(outer.digest())


@lru_cache(maxsize=4)
def _timestamp(seconds: int) -> bytes:
    return _encoded(int_to_bytes(seconds))


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def _encoded(data: bytes) -> bytes:
    """What itsdangerous' ``base64_encode`` gives, in a third of the time."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    """What itsdangerous' ``base64_decode`` gives; raises ``ValueError`` where that refuses."""
    return a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))


_ZLIB_HEADER = zlib.compress(b"")[:2]


def _compress(data: bytes) -> bytes:
    """What ``zlib.compress`` gives.

    That clears a quarter of a megabyte before it begins. For a short text a window of two
    kilobytes finds the same, and only the stream's header tells the size of the window.
    """
    if len(data) > 1000:
        return zlib.compress(data)
    compressor = zlib.compressobj(wbits=11, memLevel=4)
    return _ZLIB_HEADER + (compressor.compress(data) + compressor.flush())[2:]
