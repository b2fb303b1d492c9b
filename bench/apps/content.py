"""What every program speaks of, so that none has more to say than another.

Must not know: any framework.
"""

from pathlib import Path

CARBOY = {"name": "Burgundy", "litres": 54}
CARBOYS = {
    "carboys": [
        {"number": number, "name": f"Carboy {number}", "litres": 54, "racked": number % 2 == 0}
        for number in range(100)
    ]
}
ROWS = [{"number": number, "name": f"Carboy <{number}>", "litres": 54} for number in range(100)]

#: How many rules the program ``rules`` has.
RULES = 1000

SECRET = "not a secret: this program never leaves the benchmark"
#: The token of a form is random in a real program; here it has to be the same in every answer.
TOKEN = "f3b1c6d2a9e84c57"

TEMPLATES = Path(__file__).parent.parent / "templates"
#: Where results and what is made for the measurement go.
BUILD = Path(__file__).parent.parent.parent / "build" / "bench"
STATIC = BUILD / "static"
FILES = {
    "ten_kilobytes.txt": b"a carboy is a large bottle, often in a basket, for wine or acid\n" * 160,
    "ten_megabytes.bin": bytes(range(256)) * 40_960,
}


def make_files() -> None:
    """Write the static files, unless they are there."""
    STATIC.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        path = STATIC / name
        if not path.exists() or path.stat().st_size != len(data):
            # Other processes may look for it meanwhile.
            new = path.with_suffix(".new")
            new.write_bytes(data)
            new.replace(path)
