"""Verification of ECDSA on a curve that the library `cryptography` does not have.

Only verification: it needs no secret, so nothing here has to run in constant time.
"""

from dataclasses import dataclass

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
"""(x, y, z) stands for (x/z², y/z³), so that no step divides; z 0: the point at infinity."""

_INFINITY: _Jacobian = (1, 1, 0)


@dataclass(frozen=True, slots=True)
class Curve:
    """y² = x³ + ax + b over the integers modulo the prime p, with a generator of prime order n."""

    p: int
    a: int
    b: int
    generator: Point
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


def decode_point(curve: Curve, data: bytes) -> Point:
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


def is_signature(curve: Curve, point: Point, r: int, s: int, digest: bytes) -> bool:
    """SEC 1 4.1.4: does (r, s) sign the hash under the public key `point`?"""
    if not 0 < r < curve.n or not 0 < s < curve.n:
        return False
    excess = max(8 * len(digest) - curve.n.bit_length(), 0)
    e = int.from_bytes(digest) >> excess
    w = pow(s, -1, curve.n)
    found = combine(curve, e * w, curve.generator, r * w, point)
    return found is not None and found[0] % curve.n == r


def combine(curve: Curve, one_factor: int, one: Point, other_factor: int, other: Point) -> Point | None:
    """The sum of two multiples, doubled along once for both; None: infinity."""
    one_factor, other_factor = one_factor % curve.n, other_factor % curve.n
    first, second = (*one, 1), (*other, 1)
    steps = {(0, 1): second, (1, 0): first, (1, 1): _add(curve, first, second)}
    total = _INFINITY
    for bit in reversed(range(max(one_factor.bit_length(), other_factor.bit_length()))):
        total = _double(curve, total)
        step = steps.get((one_factor >> bit & 1, other_factor >> bit & 1))
        if step is not None:
            total = _add(curve, total, step)
    x, y, z = total
    if not z:
        return None
    inverse = pow(z, -1, curve.p)
    return x * inverse**2 % curve.p, y * inverse**3 % curve.p


def _double(curve: Curve, point: _Jacobian) -> _Jacobian:
    (x, y, z), p = point, curve.p
    if not y or not z:
        return _INFINITY
    yy = y * y % p
    s = 4 * x * yy % p
    m = (3 * x * x + curve.a * pow(z, 4, p)) % p
    x3 = (m * m - 2 * s) % p
    return x3, (m * (s - x3) - 8 * yy * yy) % p, 2 * y * z % p


def _add(curve: Curve, one: _Jacobian, other: _Jacobian) -> _Jacobian:
    (x1, y1, z1), (x2, y2, z2), p = one, other, curve.p
    if not z1:
        return other
    if not z2:
        return one
    zz1, zz2 = z1 * z1 % p, z2 * z2 % p
    u1, s1 = x1 * zz2 % p, y1 * zz2 * z2 % p
    h, r = (x2 * zz1 - u1) % p, (y2 * zz1 * z1 - s1) % p
    if not h:
        return _INFINITY if r else _double(curve, one)
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    x3 = (r * r - hhh - 2 * v) % p
    return x3, (r * (v - x3) - s1 * hhh) % p, h * z1 * z2 % p
