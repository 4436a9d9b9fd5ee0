"""Objects that are made of an experiment."""

import torch

import invprob


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
