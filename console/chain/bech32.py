"""Bech32 as Cosmos chains write addresses (BIP 173): written, and read with the checksum always verified."""

from __future__ import annotations

_DIGITS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_LONGEST = 128
_CHECKSUM = 6


def bech32_bytes(text: str) -> bytes | None:
    """The bytes of an address, whatever its prefix; None for what is none."""
    prefix, found, digits = text.rpartition("1")
    if not found or not prefix or len(text) > _LONGEST or not text.isascii() or not text.islower():
        return None
    values = [_DIGITS.find(digit) for digit in digits]
    if len(values) < _CHECKSUM or -1 in values or _checksum(prefix, values) != 1:
        return None
    return _bytes_of(values[:-_CHECKSUM])


def bech32_text(prefix: str, raw: bytes) -> str:
    """An address of the bytes, with a prefix in small letters."""
    number, bits = int.from_bytes(raw), 8 * len(raw)
    padding = -bits % 5
    number, bits = number << padding, bits + padding
    values = [number >> shift & 31 for shift in range(bits - 5, -1, -5)]
    state = _checksum(prefix, [*values, *[0] * _CHECKSUM]) ^ 1
    values += [state >> 5 * place & 31 for place in reversed(range(_CHECKSUM))]
    return f"{prefix}1{''.join(_DIGITS[value] for value in values)}"


def _checksum(prefix: str, values: list[int]) -> int:
    state = 1
    expanded = [ord(each) >> 5 for each in prefix] + [0] + [ord(each) & 31 for each in prefix]
    for value in (*expanded, *values):
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(_GENERATOR):
            if top >> bit & 1:
                state ^= factor
    return state


def _bytes_of(values: list[int]) -> bytes | None:
    bits = number = 0
    found = bytearray()
    for value in values:
        number, bits = number << 5 | value, bits + 5
        if bits >= 8:
            bits -= 8
            found.append(number >> bits)
            number &= (1 << bits) - 1
    # What is left over pads the last digit: less than a digit, and nothing but zeros.
    return bytes(found) if bits < 5 and not number else None
