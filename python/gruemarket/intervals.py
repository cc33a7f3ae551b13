"""Intervals in closed form: Student's t for means, Wilson's for shares."""

import math

from gruemarket.errors import InputError


def t_probability(t: float, degrees: int) -> float:
    """P(T <= t) for Student's t with a whole number of degrees of freedom (Abramowitz and Stegun 1964, 26.7.3, 26.7.4).

    >>> t_probability(1.0, 1)  # Cauchy: 1/2 + arctan(1) / pi
    0.75
    """
    theta = math.atan2(t, math.sqrt(degrees))
    sine, square = math.sin(theta), math.cos(theta) ** 2
    odd = degrees % 2
    # A = P(|T| <= t): sin (1 + 1/2 cos^2 + 1*3/(2*4) cos^4 + ...) for even degrees of freedom, and
    # 2/pi (theta + sin cos (1 + 2/3 cos^2 + 2*4/(3*5) cos^4 + ...)) for odd ones
    term = total = 1.0 if degrees > 1 else 0.0
    for j in range(2 + odd, degrees - 1, 2):
        term *= square * (j - 1) / j
        total += term
    inside = 2 / math.pi * (theta + sine * math.cos(theta) * total) if odd else sine * total
    return 0.5 + inside / 2


def t_quantile(probability: float, degrees: int) -> float:
    """The t below which Student's t lies with a probability in (0, 1), to the last bits; by bisection on its angle.

    >>> round(t_quantile(0.975, 4), 4)
    2.7764
    """
    if not 0 < probability < 1 or degrees < 1:
        raise InputError(f"probability {probability!r} with {degrees} degrees of freedom; give (0, 1) and 1 or more")
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        below = t_probability(math.sqrt(degrees) * math.tan(middle), degrees) < probability
        low, high = (middle, high) if below else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def wilson(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval of a probability of which `successes` in `trials` were seen (Wilson 1927); z = 1.96 is 95 %.

    >>> tuple(round(end, 3) for end in wilson(8, 10))
    (0.49, 0.943)
    """
    if not 0 <= successes <= trials or trials < 1:
        raise InputError(f"{successes} successes in {trials} trials; give 0 <= successes <= trials, trials >= 1")
    share, z2 = successes / trials, z * z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)
