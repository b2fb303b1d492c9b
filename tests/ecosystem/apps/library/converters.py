"""What addresses of the site consist of."""

from werkzeug.routing import BaseConverter, ValidationError


class IsbnConverter(BaseConverter):
    """An ISBN of 13 digits whose check digit is right; hyphens are ignored."""

    regex = r"97[89][\d-]{10,14}"

    def to_python(self, value):
        isbn = value.replace("-", "")
        if len(isbn) != 13 or checksum(isbn) % 10:
            raise ValidationError
        return isbn


def checksum(isbn):
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(isbn))
