"""A GRU written with nothing but parameters and matrix products; adding two binary numbers bit by bit."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import Parameter, init

torch.manual_seed(7)
rng = np.random.RandomState(7)


class GRUCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        for gate in "zrn":
            setattr(self, "W_" + gate, Parameter(torch.empty(input_size, hidden_size)))
            setattr(self, "U_" + gate, Parameter(torch.empty(hidden_size, hidden_size)))
            self.register_parameter("b_" + gate, Parameter(torch.zeros(hidden_size)))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.hidden_size)
        for name, weight in self.named_parameters():
            if name.startswith("U"):
                init.orthogonal_(weight)
            elif weight.dim() == 2:
                weight.data.uniform_(-stdv, stdv)

    def forward(self, x, h):
        z = torch.sigmoid(x @ self.W_z + h @ self.U_z + self.b_z)
        r = torch.sigmoid(torch.mm(x, self.W_r) + torch.mm(h, self.U_r) + self.b_r)
        n = torch.tanh(torch.addmm(self.b_n, x, self.W_n) + (r * h).matmul(self.U_n))
        return torch.add(torch.mul(z, h), (1 - z) * n)

    def extra_repr(self):
        return "{input_size}, {hidden_size}".format(**self.__dict__)


class Adder(nn.Module):
    def __init__(self, hidden_size=10):
        super().__init__()
        self.cell = GRUCell(2, hidden_size)
        self.readout = nn.Sequential(nn.Linear(hidden_size, 1), nn.Sigmoid())
        self.register_buffer("h0", torch.zeros(1, hidden_size))

    def forward(self, bits):  # (N, T, 2)
        h = self.h0.expand(bits.shape[0], -1)
        out = []
        for x in bits.unbind(dim=1):
            h = self.cell(x, h)
            out += [self.readout(h)]
        return torch.stack(out, dim=1).squeeze(-1)


def batch(n=16, width=6):
    a, b = rng.randint(0, 2 ** (width - 1), size=(2, n))
    to_bits = lambda v: (v[:, None] >> np.arange(width)) & 1
    x = np.stack([to_bits(a), to_bits(b)], axis=-1).astype(np.float64)
    return torch.from_numpy(x), torch.from_numpy(to_bits(a + b).astype(np.float64))


model = Adder().double()
print(model, sum(p.numel() for p in model.parameters() if p.requires_grad), "parameters")
print([name for name, _ in model.named_parameters()], [name for name, _ in model.named_buffers()])
bce = nn.BCELoss()
opt = torch.optim.Adagrad(model.parameters(), lr=0.1)
losses = []
for step in range(40):
    x, y = batch()
    loss = bce(model(x), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.5)
    opt.step()
    losses += [loss.item()]
    if not step % 10:
        correct = ((model(x) > 0.5) == (y == 1)).all(dim=1).sum()
        print(f"step {step:3d}: loss {loss:.4f}, {correct}/{len(x)} sums right")
