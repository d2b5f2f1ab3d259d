"""What recipes that write are made of: attention that sees no padding and no future, copying, beam search."""

import itertools

import numpy as np
import pytest

import microgradient as mg
from microgradient.recipes.seq2seq import BEGIN, END, PAD, Seq2Seq, beam_search, padded


def model(**given) -> Seq2Seq:
    mg.manual_seed(3)
    return Seq2Seq(9, 8, **given)


@pytest.mark.parametrize("given", [{}, {"copies": True}, {"copies": True, "continues": True}])
def test_padding_and_the_future_change_nothing(given):
    net = model(**given)
    source, target = np.array([[4, 5, 6, END]]), np.array([[BEGIN, 7, 8]])
    plain = net(mg.tensor(source), mg.tensor(target)).data
    longer = net(mg.tensor(padded(source.tolist(), 7)), mg.tensor(target)).data
    np.testing.assert_allclose(longer, plain, atol=1e-5)
    later = net(mg.tensor(source), mg.tensor(np.array([[BEGIN, 7, 4]]))).data
    np.testing.assert_allclose(later[:, :2], plain[:, :2], atol=1e-5)
    assert abs(later[:, 2] - plain[:, 2]).max() > 1e-3
    last = net.decode(net.encode(mg.tensor(source)), mg.tensor(source), mg.tensor(target), last=True).data
    np.testing.assert_allclose(last, plain[:, -1:], atol=1e-5)


def test_parts_are_told_apart_and_have_the_same_places():
    net = model(parts=2)
    ahead, behind = (net.encode(mg.tensor([row])).data[0] for row in ([4, 5, PAD, 6, 7, PAD], [6, 7, PAD, 4, 5, PAD]))
    assert abs(ahead[:2] - behind[3:5]).max() > 1e-3
    net.parts.weight.data = np.zeros_like(net.parts.weight.data)
    ahead, behind = (net.encode(mg.tensor([row])).data[0] for row in ([4, 5, PAD, 6, 7, PAD], [6, 7, PAD, 4, 5, PAD]))
    np.testing.assert_allclose(ahead[[0, 1, 3, 4]], behind[[3, 4, 0, 1]], atol=1e-5)


def test_what_is_copied_is_in_the_source_and_all_is_a_probability():
    net = model(copies=True)
    source, target = mg.tensor([[4, 5, 4, END, PAD]]), mg.tensor([[BEGIN, 7, 8]])
    scores = net(source, target).data
    np.testing.assert_allclose(np.exp(scores).sum(axis=-1), 1, atol=1e-5)
    net.gate.bias.data = np.full_like(net.gate.bias.data, -100)  # nothing but copies
    shares, copied = net.copied_from(source, target).data, np.exp(net(source, target).data)
    np.testing.assert_allclose(shares[..., 4], 0, atol=1e-7)
    np.testing.assert_allclose(copied[..., 4], shares[..., 0] + shares[..., 2], atol=1e-6)
    np.testing.assert_allclose(copied[..., [0, 1, 3, 6, 7, 8]], 0, atol=1e-6)


def test_what_is_copied_goes_on_behind_what_was_written():
    net = model(copies=True, continues=True, parts=2)
    source = mg.tensor([[4, 5, 6, END, 8, 5, 7, END]])
    shares = {}
    for weight in ([0, 0], [20, 0], [20, 20]):
        net.continuing.data = np.array(weight, np.float32)
        shares[tuple(weight)] = net.copied_from(source, mg.tensor([[BEGIN, 4, 5]])).data[0]
    last, both = shares[20, 0], shares[20, 20]
    np.testing.assert_allclose(last[0, [0, 4]].sum(), 1, atol=1e-3)  # the beginning of either part
    np.testing.assert_allclose(last[1, 1], 1, atol=1e-3)
    np.testing.assert_allclose(
        last[2, 2] / last[2, 6], shares[0, 0][2, 2] / shares[0, 0][2, 6], rtol=1e-3
    )  # behind a 5
    np.testing.assert_allclose(both[2, 2], 1, atol=1e-3)  # behind 4, 5


@pytest.mark.parametrize("copies", [False, True])
def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_them(copies):
    mg.manual_seed(3)
    net, source, longest, penalty = Seq2Seq(6, 8, copies=copies), np.array([[4, 5, END], [5, 5, END]]), 3, 0.6
    with mg.no_grad():
        found = beam_search(net, source, longest, beam=200, penalty=penalty)
        for row, answer in zip(source, found, strict=True):
            scores = {}
            for length in range(1, longest + 1):
                for body in itertools.product((3, 4, 5), repeat=length):
                    for tokens in ((*body[:-1], END), body) if length == longest else ((*body[:-1], END),):
                        logits = net(mg.tensor(row[None]), mg.tensor(np.array([[BEGIN, *tokens[:-1]]]))).data[0]
                        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
                        total = sum(logs[k, token] for k, token in enumerate(tokens))
                        scores[tokens] = total / ((5 + len(tokens)) / 6) ** penalty
            best = max(scores, key=scores.__getitem__)
            assert answer == [token for token in best if token != END]
    assert PAD not in best
