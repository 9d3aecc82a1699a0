"""What programs brought to light, each by itself."""

import copy

import pytest

import tinyrnn
from tinyrnn.compat import as_torch


@pytest.fixture(params=["tinyrnn", "torch"])
def torch(request):
    """Each library, so that a test also says what PyTorch does."""
    return tinyrnn if request.param == "tinyrnn" else pytest.importorskip("torch")


def test_repeat_and_expand_make_what_can_be_written_to(torch):
    one = torch.ones(1)
    for made in (one.repeat(3), one.repeat(1), one.repeat(1, 1)):
        made[0] = 5
        assert one.tolist() == [1] and made.sum().item() == 5 + made.numel() - 1
    same = torch.zeros(2, 3).expand(2, -1)
    same[1] = 4
    assert same.sum().item() == 12


def test_a_copy_of_a_parameter_has_no_gradient(torch):
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    tensor = torch.ones(2, requires_grad=True)
    tensor.sum().backward()
    assert copy.deepcopy(layer).weight.grad is None and copy.deepcopy(tensor).grad.tolist() == [1, 1]


def test_bytes_answer_in_bytes(torch):
    old_mask = torch.tensor([0, 2], dtype=torch.uint8)
    assert old_mask.any().dtype is torch.uint8 and old_mask.all().dtype is torch.uint8 and old_mask.any().item() == 1
    assert old_mask.bool().any().dtype is torch.bool


def test_a_group_is_the_dict_that_was_given(torch):
    group = {"params": iter([torch.ones(1, requires_grad=True)]), "lr": 5}
    sgd = torch.optim.SGD([group], lr=0.1)
    assert sgd.param_groups[0] is group and group["momentum"] == 0 and isinstance(group["params"], list)
    scheduler = torch.optim.lr_scheduler.StepLR(sgd, 1)
    assert repr(scheduler.get_last_lr()) == "[5]"


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"num_layers": 2}, {"bidirectional": True}], ids=str)
def test_a_state_can_be_detached_and_changed_in_place(torch, name, options):
    layer = getattr(torch.nn, name)(2, 3, **options)
    x, state = torch.ones(4, 4, 2), None
    for _ in range(2):
        output, state = layer(x, state)
        output.sum().backward()
        for s in state if isinstance(state, tuple) else (state,):
            s.detach_()
            assert s.is_leaf and not s.requires_grad
    before = output.detach().clone()
    (state[0] if isinstance(state, tuple) else state).zero_()
    assert torch.equal(output, before)


@pytest.mark.parametrize("name", ["max", "min", "sort", "topk", "median", "mode", "kthvalue", "cummax", "cummin"])
def test_pairs_print_as_pytorchs(name):
    torch = pytest.importorskip("torch")
    arguments = {"topk": (2,), "kthvalue": (1,)}.get(name, (1,))
    rows = [[3.0, 1.0, 2.0], [0.5, 4.5, 4.0]]
    with as_torch() as ours:
        printed = repr(getattr(ours.tensor(rows), name)(*arguments))
    assert printed == repr(getattr(torch.tensor(rows), name)(*arguments))
