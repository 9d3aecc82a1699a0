"""Stop in the middle, save, load, go on: the losses are those of a run that never stopped."""

import io
import os

import torch
import torch.nn as nn
import torch.optim as optim

torch.set_default_dtype(torch.float64)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.rnn = nn.LSTM(3, 5, num_layers=2, batch_first=True)
        self.norm = nn.LayerNorm(5)
        self.head = nn.Linear(5, 2)

    def forward(self, x, hidden=None):
        y, hidden = self.rnn(x, hidden)
        return self.head(self.norm(y)), hidden


torch.manual_seed(17)
xs = torch.randn(12, 4, 6, 3)
ys = (xs.sum(-1) > 0).long()


def make():
    torch.manual_seed(18)
    model = Net()
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    return model, optimizer, scheduler


def train(model, optimizer, scheduler, steps, hidden=None):
    for i in steps:
        out, hidden = model(xs[i], hidden)
        hidden = tuple(h.detach() for h in hidden)
        loss = nn.functional.cross_entropy(out.flatten(0, 1), ys[i].flatten(), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return hidden


losses = []
model, optimizer, scheduler = make()
train(model, optimizer, scheduler, range(12))
uninterrupted = losses[:]

losses = []
model, optimizer, scheduler = make()
hidden = train(model, optimizer, scheduler, range(5))
buffer = io.BytesIO()
torch.save(
    {
        "epoch": 5,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "hidden": hidden,
        "loss": losses[-1],
    },
    buffer,
)

model, optimizer, scheduler = make()
with torch.no_grad():
    for p in model.parameters():
        p.add_(torch.randn_like(p))
buffer.seek(0)
checkpoint = torch.load(buffer, map_location="cpu", weights_only=True)
print(sorted(checkpoint), checkpoint["epoch"], "%.6f" % checkpoint["loss"])
print(model.load_state_dict(checkpoint["model_state_dict"]))
optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
scheduler.load_state_dict(checkpoint["scheduler"])
train(model, optimizer, scheduler, range(checkpoint["epoch"], 12), checkpoint["hidden"])
print(losses == uninterrupted, len(losses))
del checkpoint

state = optimizer.state_dict()
print(state["param_groups"][0]["params"], sorted(state["state"][0]), int(state["state"][0]["step"]))
torch.save(model.state_dict(), "model.pt")
print(os.path.exists("model.pt"))
weights = torch.load("model.pt")
print(type(weights).__name__, list(weights)[:3])
try:
    weights.pop("head.bias")
    weights["extra"] = torch.zeros(2)
    Net().load_state_dict(weights)
except RuntimeError as e:
    print("Missing" in str(e), "Unexpected" in str(e))
print(Net().load_state_dict(weights, strict=False))
