"""Heartbeats that are not like the others: an LSTM squeezes a sequence into a vector and writes it out again."""

import copy

import numpy as np
import torch
from torch import nn

torch.manual_seed(42)
rs = np.random.RandomState(42)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")

seq_len, n_features, embedding_dim = 15, 1, 4
normal = [np.sin(np.arange(seq_len) / 2 + rs.rand()) + 0.05 * rs.randn(seq_len) for _ in range(14)]
anomalies = [rs.randn(seq_len) for _ in range(4)]
create_dataset = lambda rows: [torch.tensor(s).unsqueeze(1).double().to(device) for s in rows]
train_dataset, val_dataset, test_dataset = create_dataset(normal[:8]), create_dataset(normal[8:11]), create_dataset(normal[11:])
test_anomaly_dataset = create_dataset(anomalies)


class Encoder(nn.Module):
    def __init__(self, seq_len, n_features, embedding_dim=64):
        super(Encoder, self).__init__()
        self.seq_len, self.n_features = seq_len, n_features
        self.embedding_dim, self.hidden_dim = embedding_dim, 2 * embedding_dim
        self.rnn1 = nn.LSTM(input_size=n_features, hidden_size=self.hidden_dim, num_layers=1, batch_first=True)
        self.rnn2 = nn.LSTM(input_size=self.hidden_dim, hidden_size=embedding_dim, num_layers=1, batch_first=True)

    def forward(self, x):
        x = x.reshape((1, self.seq_len, self.n_features))
        x, (_, _) = self.rnn1(x)
        x, (hidden_n, _) = self.rnn2(x)
        return hidden_n.reshape((self.n_features, self.embedding_dim))


class Decoder(nn.Module):
    def __init__(self, seq_len, input_dim=64, n_features=1):
        super(Decoder, self).__init__()
        self.seq_len, self.input_dim = seq_len, input_dim
        self.hidden_dim, self.n_features = 2 * input_dim, n_features
        self.rnn1 = nn.LSTM(input_size=input_dim, hidden_size=input_dim, num_layers=1, batch_first=True)
        self.rnn2 = nn.LSTM(input_size=input_dim, hidden_size=self.hidden_dim, num_layers=1, batch_first=True)
        self.output_layer = nn.Linear(self.hidden_dim, n_features)

    def forward(self, x):
        x = x.repeat(self.seq_len, self.n_features)
        x = x.reshape((self.n_features, self.seq_len, self.input_dim))
        x, (hidden_n, cell_n) = self.rnn1(x)
        x, (hidden_n, cell_n) = self.rnn2(x)
        x = x.reshape((self.seq_len, self.hidden_dim))
        return self.output_layer(x)


class RecurrentAutoencoder(nn.Module):
    def __init__(self, seq_len, n_features, embedding_dim=64):
        super(RecurrentAutoencoder, self).__init__()
        self.encoder = Encoder(seq_len, n_features, embedding_dim).to(device)
        self.decoder = Decoder(seq_len, embedding_dim, n_features).to(device)

    def forward(self, x):
        x = self.encoder(x)
        x = self.decoder(x)
        return x


model = RecurrentAutoencoder(seq_len, n_features, embedding_dim).double()
model = model.to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.L1Loss(reduction="sum").to(device)
history = dict(train=[], val=[])
best_model_wts = copy.deepcopy(model.state_dict())
best_loss = 10000.0
losses = []
for epoch in range(1, 5):
    model = model.train()
    train_losses = []
    for seq_true in train_dataset:
        optimizer.zero_grad()
        seq_pred = model(seq_true)
        loss = criterion(seq_pred, seq_true)
        loss.backward()
        optimizer.step()
        train_losses.append(loss.item())
    losses.extend(train_losses)
    val_losses = []
    model = model.eval()
    with torch.no_grad():
        for seq_true in val_dataset:
            seq_pred = model(seq_true)
            val_losses.append(criterion(seq_pred, seq_true).item())
    train_loss, val_loss = np.mean(train_losses), np.mean(val_losses)
    history["train"].append(train_loss)
    history["val"].append(val_loss)
    if val_loss < best_loss:
        best_loss = val_loss
        best_model_wts = copy.deepcopy(model.state_dict())
    print(f"Epoch {epoch}: train loss {train_loss:.4f} val loss {val_loss:.4f}")
model.load_state_dict(best_model_wts)
model = model.eval()
torch.save(model, "model.pth")
model = torch.load("model.pth", weights_only=False)


def predict(model, dataset):
    predictions, errors = [], []
    criterion = nn.L1Loss(reduction="sum")
    with torch.no_grad():
        for seq_true in dataset:
            seq_pred = model(seq_true)
            predictions.append(seq_pred.cpu().numpy().flatten())
            errors.append(criterion(seq_pred, seq_true).item())
    return predictions, errors


_, good = predict(model, test_dataset)
_, bad = predict(model, test_anomaly_dataset)
THRESHOLD = 12
correct = sum(l <= THRESHOLD for l in good)
print(f"Correct normal predictions: {correct}/{len(test_dataset)}", f"anomalies: {sum(l > THRESHOLD for l in bad)}/{len(bad)}")
