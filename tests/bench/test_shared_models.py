"""What methods of a suite share: generators and priors, and never a solver."""

from invprob.bench.shared_models import sharing
from invprob.params import Spec


def test_what_is_named_twice_is_made_once(toys):
    make = sharing()
    G, same = (make(toys, "generator", Spec.model_validate("linear")) for _ in range(2))
    assert G is same
    assert make(toys, "generator", Spec.model_validate("linear:scale=0.2")).scale == 0.2
    prior, same = (make(toys, "prior", Spec.model_validate("normal"), G, 0) for _ in range(2))
    assert prior is same
    assert make(toys, "prior", Spec.model_validate("normal"), G, 1) is not prior
    first, second = (make(toys, "solver", Spec.model_validate("walk")) for _ in range(2))
    assert first is not second


def test_what_was_asked_for_long_ago_is_given_up(toys):
    make = sharing(most=2)
    one, two, three = (Spec.model_validate(f"linear:scale={v}") for v in (1, 2, 3))
    first, second = (make(toys, "generator", spec) for spec in (one, two))
    assert make(toys, "generator", one) is first
    make(toys, "generator", three)
    assert make(toys, "generator", one) is first
    assert make(toys, "generator", two) is not second
