"""An LSTM with layer normalisation, from modules of our own: cell, layer, both directions, a stack of them."""

import math
from collections import namedtuple
from typing import List, Optional, Tuple

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn import Parameter

torch.set_default_dtype(torch.float64)
torch.manual_seed(4)

LSTMState = namedtuple("LSTMState", ["hx", "cx"])


class LayerNormLSTMCell(nn.Module):
    def __init__(self, input_size, hidden_size, decompose_layernorm=False):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = Parameter(torch.randn(4 * hidden_size, input_size) / math.sqrt(input_size))
        self.weight_hh = Parameter(torch.randn(4 * hidden_size, hidden_size) / math.sqrt(hidden_size))
        ln = LayerNorm if decompose_layernorm else nn.LayerNorm
        self.layernorm_i = ln(4 * hidden_size)
        self.layernorm_h = ln(4 * hidden_size)
        self.layernorm_c = ln(hidden_size)

    def forward(self, input: Tensor, state: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        hx, cx = state
        igates = self.layernorm_i(torch.mm(input, self.weight_ih.t()))
        hgates = self.layernorm_h(torch.mm(hx, self.weight_hh.t()))
        gates = igates + hgates
        ingate, forgetgate, cellgate, outgate = gates.chunk(4, 1)
        ingate = torch.sigmoid(ingate)
        forgetgate = torch.sigmoid(forgetgate)
        cellgate = torch.tanh(cellgate)
        outgate = torch.sigmoid(outgate)
        cy = self.layernorm_c((forgetgate * cx) + (ingate * cellgate))
        hy = outgate * torch.tanh(cy)
        return hy, (hy, cy)


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape):
        super().__init__()
        if isinstance(normalized_shape, int):
            normalized_shape = (normalized_shape,)
        normalized_shape = torch.Size(normalized_shape)
        assert len(normalized_shape) == 1
        self.weight = Parameter(torch.ones(normalized_shape))
        self.bias = Parameter(torch.zeros(normalized_shape))
        self.normalized_shape = normalized_shape

    def forward(self, input):
        mu = input.mean(-1, keepdim=True)
        sigma = input.std(-1, keepdim=True, unbiased=False)
        return (input - mu) / (sigma + 1e-5) * self.weight + self.bias


class LSTMLayer(nn.Module):
    def __init__(self, cell, *cell_args, reverse=False):
        super().__init__()
        self.cell = cell(*cell_args)
        self.reverse = reverse

    def forward(self, input, state):
        inputs = input.unbind(0)
        outputs: List[Tensor] = []
        for x in reversed(inputs) if self.reverse else inputs:
            out, state = self.cell(x, state)
            outputs += [out]
        if self.reverse:
            outputs.reverse()
        return torch.stack(outputs), state


class BidirLSTMLayer(nn.Module):
    def __init__(self, cell, *cell_args):
        super().__init__()
        self.directions = nn.ModuleList([LSTMLayer(cell, *cell_args), LSTMLayer(cell, *cell_args, reverse=True)])

    def forward(self, input, states):
        outputs, output_states = [], []
        for i, direction in enumerate(self.directions):
            out, out_state = direction(input, states[i])
            outputs += [out]
            output_states += [LSTMState(*out_state)]
        return torch.cat(outputs, -1), output_states


class StackedLSTM(nn.Module):
    def __init__(self, num_layers, input_size, hidden_size, dropout: Optional[float] = 0.0):
        super().__init__()
        sizes = [input_size] + [2 * hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(BidirLSTMLayer(LayerNormLSTMCell, size, hidden_size, i % 2 == 1) for i, size in enumerate(sizes))
        self.dropout_layer = nn.Dropout(dropout)

    def forward(self, input, states):
        output = input
        for i, layer in enumerate(self.layers):
            output, states[i] = layer(output, states[i])
            if i < len(self.layers) - 1:
                output = self.dropout_layer(output)
        return output, states


T, N, D, H = 7, 3, 4, 5
rnn = StackedLSTM(2, D, H, dropout=0.1)
readout = nn.Linear(2 * H, 1)
print(rnn)
optimizer = torch.optim.Adam([{"params": rnn.parameters()}, {"params": readout.parameters(), "weight_decay": 0.01}], lr=0.01)
inp = torch.randn(T, N, D)
goal = inp.cumsum(0).mean(-1, keepdim=True)
losses = []
for step in range(10):
    states = [[LSTMState(torch.zeros(N, H), torch.zeros(N, H)) for _ in range(2)] for _ in range(2)]
    out, out_state = rnn(inp, states)
    loss = torch.mean((readout(out) - goal) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(out.size(), out_state[1][0].cx.shape, ["{:.4f}".format(l) for l in losses[::3]])
print("{:.4f}".format(max(p.grad.abs().max() for p in rnn.parameters())))
