"""Count the bytecodes that a function takes, which is exact and needs no tool.

Must not know: what is counted.
"""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def executed(function: Callable[[], object]) -> int:
    """How many bytecodes *function* takes, in this thread.

    What C does by itself, such as matching and copying, takes none. The garbage collector is off.
    """
    found = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal found
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            found += 1
        return trace

    earlier = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(earlier)
        gc.enable()
    return found
