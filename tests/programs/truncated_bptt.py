"""Truncated backpropagation through time by hand: every k1 steps, back through k2 of them."""

import torch
import torch.nn as nn

torch.set_default_dtype(torch.float64)


class TBPTT:
    def __init__(self, one_step_module, loss_module, k1, k2, optimizer):
        self.one_step_module = one_step_module
        self.loss_module = loss_module
        self.k1 = k1
        self.k2 = k2
        self.retain_graph = k1 < k2
        self.optimizer = optimizer

    def train(self, input_sequence, init_state):
        states = [(None, init_state)]
        for j, (inp, target) in enumerate(input_sequence):
            state = states[-1][1].detach()
            state.requires_grad = True
            output, new_state = self.one_step_module(inp, state)
            states.append((state, new_state))
            while len(states) > self.k2:
                del states[0]  # forget what is too old

            if (j + 1) % self.k1 == 0:
                loss = self.loss_module(output, target)
                if not self.retain_graph:
                    self.optimizer.zero_grad()
                loss.backward(retain_graph=self.retain_graph)
                for i in range(self.k2 - 1):
                    # the first state has no gradient to hand on
                    if states[-i - 2][0] is None:
                        break
                    curr_grad = states[-i - 1][0].grad
                    states[-i - 2][1].backward(curr_grad, retain_graph=self.retain_graph)
                if not self.retain_graph:
                    self.optimizer.step()
                losses.append(loss.item())
        # where chunks overlap, a step in between would change weights that the next one still goes back through
        self.optimizer.step()


class OneStep(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.inner = nn.Linear(size, size, bias=False)

    def forward(self, inp, state):
        out = torch.tanh(self.linear(inp) + self.inner(state))
        return out, out


seq_len, size = 20, 6
losses = []
for k1, k2 in [(1, 1), (2, 2), (5, 5), (4, 7)]:
    torch.manual_seed(100 * k1 + k2)
    model = OneStep(size)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-1)
    xs = torch.rand(seq_len, 1, size)
    runner = TBPTT(model, nn.MSELoss(), k1, k2, optimizer)
    runner.train([(xs[t], xs[t] ** 2) for t in range(seq_len)], torch.zeros(1, size))
    grads = {n: p.grad.norm().item() for n, p in model.named_parameters()}
    print("k1=%d k2=%d loss=%.6f" % (k1, k2, losses[-1]), {n: round(g, 6) for n, g in grads.items()})

# the usual way: detach between chunks, and the scalar that a known answer exists for
w = torch.tensor(0.3, requires_grad=True)
h = torch.zeros(())
for t in range(3):
    h = w * h + 0.4
h.backward()
print(w.grad)
