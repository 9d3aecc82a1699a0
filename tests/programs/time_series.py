"""Passengers by month: windows of a scaled series, an LSTM, Adam, and a learning rate that falls on a plateau."""

import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Variable
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
months = np.arange(72)
passengers = 120 + 2.5 * months + 25 * np.sin(2 * np.pi * months / 12) * (1 + months / 72)

train_data, test_data = passengers[:-12], passengers[-12:]
low, high = train_data.min(), train_data.max()
train_data_normalized = torch.DoubleTensor(2 * (train_data - low) / (high - low) - 1).view(-1)
train_window = 12


def create_inout_sequences(input_data, tw):
    inout_seq = []
    for i in range(len(input_data) - tw):
        train_seq = input_data[i : i + tw]
        train_label = input_data[i + tw : i + tw + 1]
        inout_seq.append((train_seq, train_label))
    return inout_seq


sequences = create_inout_sequences(train_data_normalized, train_window)
x, y = (torch.stack(part) for part in zip(*sequences))
print(x.shape, y.shape, sequences[0][1])


class LSTM(nn.Module):
    def __init__(self, input_size=1, hidden_layer_size=8, output_size=1):
        super().__init__()
        self.hidden_layer_size = hidden_layer_size
        self.lstm = nn.LSTM(input_size, hidden_layer_size, batch_first=True)
        self.linear = nn.Linear(hidden_layer_size, output_size)

    def forward(self, input_seq):
        h_0 = Variable(torch.zeros(1, input_seq.size(0), self.hidden_layer_size, dtype=torch.float64))
        c_0 = Variable(torch.zeros(1, input_seq.size(0), self.hidden_layer_size, dtype=torch.float64))
        _, (h_out, _) = self.lstm(input_seq.unsqueeze(2), (h_0, c_0))
        return self.linear(h_out.view(-1, self.hidden_layer_size))


model = LSTM().to(torch.float64)
loaders = {
    "train": DataLoader(TensorDataset(x[:40], y[:40]), batch_size=16, shuffle=True),
    "val": DataLoader(TensorDataset(x[40:], y[40:]), batch_size=8),
}
loss_function = nn.MSELoss(reduction="mean")
optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
losses, best = [], float("inf")
for epoch in range(8):
    for phase in ["train", "val"]:
        if phase == "train":
            model.train()
        else:
            model.eval()
        running_loss = 0.0
        for seq, labels in loaders[phase]:
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                y_pred = model(seq)
                loss = loss_function(y_pred, labels)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            running_loss += loss.item() * seq.size(0)
        epoch_loss = running_loss / len(loaders[phase].dataset)
        losses.append(epoch_loss)
    scheduler.step(epoch_loss)
    if epoch_loss < best:
        best, best_state = epoch_loss, {k: v.clone() for k, v in model.state_dict().items()}
    print(f"epoch: {epoch:3} train {losses[-2]:10.8f} val {losses[-1]:10.8f} lr {optimizer.param_groups[0]['lr']:.5f}")
model.load_state_dict(best_state)

model.eval()
test_inputs = train_data_normalized[-train_window:].tolist()
for i in range(12):
    seq = torch.DoubleTensor(test_inputs[-train_window:])
    with torch.no_grad():
        test_inputs.append(model(seq.view(1, -1)).item())
predictions = (np.array(test_inputs[train_window:]) + 1) / 2 * (high - low) + low
print(predictions.round(2)[:4], "rmse %.3f" % np.sqrt(np.mean((predictions - test_data) ** 2)))
