"""Functions with a backward of our own: a clipped identity, a straight-through step, an Elman step with its BPTT."""

import torch
import torch.nn as nn
from torch.autograd import Function, gradcheck

torch.set_default_dtype(torch.float64)
torch.manual_seed(11)


class ClipGradient(Function):
    @staticmethod
    def forward(ctx, x, limit):
        ctx.limit = limit
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.clamp(-ctx.limit, ctx.limit), None


class Step(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[x.abs() > 1] = 0
        return grad_input


class RNNStep(Function):
    @staticmethod
    def forward(ctx, x, h, w_x, w_h, b):
        y = torch.tanh(x.mm(w_x.t()) + h.mm(w_h.t()) + b)
        ctx.save_for_backward(x, h, w_x, w_h, y)
        ctx.mark_non_differentiable()
        return y

    @staticmethod
    def backward(ctx, grad_y):
        x, h, w_x, w_h, y = ctx.saved_tensors
        a = grad_y * (1 - y * y)
        grad_x = grad_h = grad_b = None
        if ctx.needs_input_grad[0]:
            grad_x = a.mm(w_x)
        if ctx.needs_input_grad[1]:
            grad_h = a.mm(w_h)
        if ctx.needs_input_grad[4]:
            grad_b = a.sum(0)
        return grad_x, grad_h, a.t().mm(x), a.t().mm(h), grad_b


rnn_step = RNNStep.apply
sizes = [(2, 3), (2, 4), (4, 3), (4, 4), (4,)]
inputs = tuple(torch.randn(*s, requires_grad=True) for s in sizes)
print("gradcheck:", gradcheck(rnn_step, inputs, eps=1e-6, atol=1e-4))


class Gated(nn.Module):
    def __init__(self, D, H):
        super().__init__()
        self.w_x = nn.Parameter(torch.randn(H, D) * 0.3)
        self.w_h = nn.Parameter(torch.randn(H, H) * 0.3)
        self.bias = nn.Parameter(torch.zeros(H))
        self.gate = nn.Linear(H, H)

    def forward(self, xs):
        h = xs.new_zeros(xs.size(1), self.w_h.size(0))
        for x in xs:
            h = ClipGradient.apply(rnn_step(x, h, self.w_x, self.w_h, self.bias), 0.02)
            h = h * Step.apply(self.gate(h))
        return h


model = Gated(3, 6)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9, nesterov=True)
xs = torch.randn(7, 4, 3)
goal = torch.randn(4, 6).tanh()
losses = []
for i in range(15):
    loss = (model(xs) - goal).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print([f"{v:.5f}" for v in losses[::5]])
print(model.gate.weight.grad.norm(), model.w_h.grad.abs().max())
