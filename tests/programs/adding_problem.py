"""The adding problem: sum the two marked numbers of a sequence. A ReLU network that starts as the identity."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser(description="adding problem")
parser.add_argument("--seq_len", type=int, default=20)
parser.add_argument("--hidden", type=int, default=16)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--lr", type=float, default=0.01)
args = parser.parse_args([])

torch.manual_seed(1111)
dtype = torch.float64


def data_generator(N, seq_length):
    X_num = torch.rand([N, 1, seq_length], dtype=dtype)
    X_mask = torch.zeros([N, 1, seq_length], dtype=dtype)
    Y = torch.zeros([N, 1], dtype=dtype)
    for i in range(N):
        positions = torch.randperm(seq_length)[:2]
        X_mask[i, 0, positions[0]] = 1
        X_mask[i, 0, positions[1]] = 1
        Y[i, 0] = X_num[i, 0, positions[0]] + X_num[i, 0, positions[1]]
    X = torch.cat((X_num, X_mask), dim=1)
    return X.permute(0, 2, 1).contiguous(), Y


class IRNN(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(hidden, 1)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.001)
        nn.init.constant_(self.rnn.bias_ih_l0, 0.0)
        nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, x):
        _, h_n = self.rnn(x)
        return self.head(h_n[-1])


model = IRNN(args.hidden).to(dtype)
optimizer = torch.optim.RMSprop(model.parameters(), lr=args.lr, alpha=0.9, momentum=0.5, centered=True)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
losses = []
for step in range(args.steps):
    X, Y = data_generator(args.batch, args.seq_len)
    optimizer.zero_grad(set_to_none=False)
    loss = nn.functional.mse_loss(model(X), Y)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    if (step + 1) % 10 == 0:
        print("step {:>4} | lr {:.5f} | loss {:7.5f} | grad norm {:.3f}".format(step + 1, scheduler.get_last_lr()[0], loss.item(), norm))
model.eval()
with torch.no_grad():
    X, Y = data_generator(64, args.seq_len)
    print("test mse %.5f, always predicting 1: %.5f" % (nn.MSELoss()(model(X), Y), ((Y - 1) ** 2).mean()))
