"""The copy task: remember ten symbols over a gap, then repeat them."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.double)
torch.manual_seed(5)

BATCH, SYMBOLS, LENGTH, GAP, HIDDEN, STEPS = 10, 8, 5, 6, 24, 25


def make_batch():
    seq = torch.randint(1, SYMBOLS + 1, (BATCH, LENGTH))
    zeros1 = torch.zeros(BATCH, GAP, dtype=torch.int64)
    marker = (SYMBOLS + 1) * torch.ones(BATCH, LENGTH + 1).long()
    x = torch.cat([seq, zeros1, marker], dim=1)
    y = torch.cat([torch.zeros(BATCH, GAP + LENGTH + 1).long(), seq], dim=1)
    return x, y


class Copier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(SYMBOLS + 2, HIDDEN, batch_first=True)
        self.decoder = nn.Linear(HIDDEN, SYMBOLS + 1)
        # let it remember from the start
        for names in self.lstm._all_weights:
            for name in filter(lambda n: "bias" in n, names):
                bias = getattr(self.lstm, name)
                n = bias.size(0)
                start, end = n // 4, n // 2
                bias.data[start:end].fill_(1.0)

    def forward(self, x):
        one_hot = F.one_hot(x, SYMBOLS + 2).to(torch.get_default_dtype())
        out, _ = self.lstm(one_hot)
        return self.decoder(out)


net = Copier()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.99), amsgrad=True)
criterion = nn.CrossEntropyLoss()
losses, accuracies = [], []
for step in range(STEPS):
    x, y = make_batch()
    logits = net(x)
    loss = criterion(logits.transpose(1, 2), y)
    net.zero_grad()
    loss.backward()
    for p in net.parameters():
        p.grad.data.clamp_(-1, 1)
    optimizer.step()
    losses.append(loss.item())
    recalled = logits[:, -LENGTH:].argmax(-1)
    accuracies.append((recalled == y[:, -LENGTH:]).double().mean().item())
print("loss {:.4f} -> {:.4f}, accuracy {:.2%}".format(losses[0], losses[-1], accuracies[-1]))
print(recalled[0].tolist(), y[0, -LENGTH:].tolist())
print("baseline: %.4f" % (LENGTH * torch.log(torch.tensor(float(SYMBOLS))) / (GAP + 2 * LENGTH + 1)))
