"""A body that an asynchronous iterator gives, for whoever iterates over it.

Lives here: ``AsyncBody``. A server with a loop awaits its pieces; any other takes them one by one,
and the loop in the background computes them.
Must not know: responses.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence


class AsyncBody:
    """Pieces of text or bytes, to be iterated over in either way, once.

    :param source: what gives them; closed with this when it is a generator
    """

    def __init__(self, source: AsyncIterable[str | bytes]) -> None:
        self._source = source
        self._pieces = source.__aiter__()
        self._closed = False
        #: What is to be called at the end, besides.
        self.when_closed: Sequence[Callable[[], object]] = ()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        return piece.encode() if isinstance(piece, str) else piece

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        from ..loop import run

        piece = run(self._next())
        if piece is None:
            raise StopIteration
        return piece

    async def _next(self) -> bytes | None:
        return await anext(self, None)

    async def aclose(self) -> None:
        """Close what gives the pieces, at its end or earlier, as when the client has gone."""
        if self._closed:
            return
        self._closed = True
        things = [self._pieces] if self._pieces is self._source else [self._pieces, self._source]
        try:
            for thing in things:
                if (close := getattr(thing, "aclose", None)) is not None:
                    await close()
        finally:
            if self.when_closed:
                import asyncio

                await asyncio.to_thread(self._tell)

    def _tell(self) -> None:
        for func in self.when_closed:
            func()

    def close(self) -> None:
        """:meth:`aclose`, for those who cannot await it."""
        if not self._closed:
            from ..loop import run

            run(self.aclose())
