"""Verification of ECDSA on a curve that the library `cryptography` does not have.

Only verification: it needs no secret, so nothing here has to run in constant time.
"""

from dataclasses import dataclass

Point = tuple[int, int] | None
"""None is the point at infinity."""


@dataclass(frozen=True, slots=True)
class Curve:
    """y² = x³ + ax + b over the integers modulo the prime p, with a generator of prime order n."""

    p: int
    a: int
    b: int
    generator: tuple[int, int]
    n: int

    @property
    def coordinate_bytes(self) -> int:
        return (self.p.bit_length() + 7) // 8


# SEC 2 2.2.1 (version 2.0); the only curve of OCMF table 22 that `cryptography` lacks.
SECP192K1 = Curve(
    p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFEE37,
    a=0,
    b=3,
    generator=(
        0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D,
        0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D,
    ),
    n=0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D,
)


def decode_point(curve: Curve, data: bytes) -> tuple[int, int]:
    """SEC 1 2.3.4; raises ValueError for what is no point of the curve (p must be 3 modulo 4 for compressed ones)."""
    size = curve.coordinate_bytes
    x = int.from_bytes(data[1 : 1 + size])
    if data[:1] == b"\x04" and len(data) == 2 * size + 1:
        y = int.from_bytes(data[1 + size :])
    elif data[:1] in (b"\x02", b"\x03") and len(data) == size + 1:
        y = pow(x**3 + curve.a * x + curve.b, (curve.p + 1) // 4, curve.p)
        if y & 1 != data[0] & 1:
            y = curve.p - y
    else:
        raise ValueError(f"{len(data)} bytes are no point of this curve")
    if x >= curve.p or y >= curve.p or (y * y - x**3 - curve.a * x - curve.b) % curve.p:
        raise ValueError("the point is not on its curve")
    return x, y


def is_signature(curve: Curve, point: tuple[int, int], r: int, s: int, digest: bytes) -> bool:
    """SEC 1 4.1.4: does (r, s) sign the hash under the public key `point`?"""
    if not 0 < r < curve.n or not 0 < s < curve.n:
        return False
    excess = max(8 * len(digest) - curve.n.bit_length(), 0)
    e = int.from_bytes(digest) >> excess
    w = pow(s, -1, curve.n)
    found = add(curve, multiply(curve, curve.generator, e * w), multiply(curve, point, r * w))
    return found is not None and found[0] % curve.n == r


def multiply(curve: Curve, point: Point, factor: int) -> Point:
    """The point added to itself `factor` times."""
    total: Point = None
    factor %= curve.n
    while factor:
        if factor & 1:
            total = add(curve, total, point)
        point = add(curve, point, point)
        factor >>= 1
    return total


def add(curve: Curve, one: Point, other: Point) -> Point:
    """The group law in affine coordinates."""
    if one is None:
        return other
    if other is None:
        return one
    (x1, y1), (x2, y2), p = one, other, curve.p
    if x1 == x2:
        if (y1 + y2) % p == 0:
            return None
        slope = (3 * x1 * x1 + curve.a) * pow(2 * y1, -1, p)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, p)
    x3 = (slope * slope - x1 - x2) % p
    return x3, (slope * (x1 - x3) - y1) % p
