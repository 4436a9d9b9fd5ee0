"""Objects that are made of an experiment."""

import torch

import invprob
import invprob_basics
from invprob_basics import GaussianNoise


def operators(text):
    made = invprob.compose(operator=text, noise="none", solver="tv", image_shape=(1, 4, 4))
    return made.operator


def test_operators_of_one_name_draw_apart_and_the_first_as_it_does_alone():
    square = "compressed:matrix=gaussian,m=16"
    alone, (first, second) = operators(square), operators(f"{square}|{square}").operators
    after = operators(f"identity|{square}").operators[1]
    x = torch.eye(16)
    assert torch.equal(first(x.reshape(-1, 1, 4, 4)), alone(x.reshape(-1, 1, 4, 4)))
    assert torch.equal(after(x.reshape(-1, 1, 4, 4)), alone(x.reshape(-1, 1, 4, 4)))
    assert not torch.allclose(second(x), first(x.reshape(-1, 1, 4, 4)))


def test_the_noise_of_an_operator_object_is_that_of_a_chain_with_a_text_behind_it():
    blur = invprob_basics.Blur(sigma=0.5, image_shape=(1, 4, 4), noise=GaussianNoise(0.3))
    made = invprob.compose(operator=[blur, "superres:factor=2"], solver="tv", image_shape=(1, 4, 4))
    assert made.operator.noise.sigma == 0.3


def test_a_text_of_a_sequence_may_be_a_chain():
    chain = operators(["identity|superres:factor=2", "inpaint:keep=0.5"])
    assert len(chain.operators) == 3


def test_an_operator_object_stays_as_it_is():
    blur = invprob_basics.Blur(sigma=0.5, image_shape=(1, 4, 4))
    made = invprob.compose(operator=blur, noise="none", solver="tv", image_shape=(1, 4, 4))
    assert blur.kernel.dtype == torch.float64
    assert made.operator.kernel.dtype == torch.float32
