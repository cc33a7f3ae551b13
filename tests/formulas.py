"""Random sentences for tests."""

from gruemarket.logic import one
from hypothesis import strategies as st


def sentences(leaves, most):
    """Sentences over these leaves, at most so many of them, with every connective."""
    return st.recursive(
        leaves,
        lambda parts: st.one_of(
            parts.map(lambda a: ~a),
            st.tuples(parts, parts).map(lambda ab: ab[0] & ab[1]),
            st.tuples(parts, parts).map(lambda ab: ab[0] | ab[1]),
            st.tuples(parts, parts).map(lambda ab: ab[0] >> ab[1]),
            st.tuples(parts, parts).map(lambda ab: ab[0] == ab[1]),
            st.lists(parts, min_size=1, max_size=4).map(lambda several: one(*several)),
        ),
        max_leaves=most,
    )
