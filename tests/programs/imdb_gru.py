"""Long reviews, padded on the left: a GRU over all outputs, mean and maximum pooled, one logit."""

from itertools import chain

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
np.random.seed(1)

VOCAB, SEQ_LEN, BATCH = 40, 20, 8


def pad_features(reviews_ints, seq_length):
    features = np.zeros((len(reviews_ints), seq_length), dtype=int)
    for i, row in enumerate(reviews_ints):
        features[i, -len(row) :] = np.array(row)[:seq_length]
    return features


reviews = [list(np.random.randint(1, VOCAB, np.random.randint(3, SEQ_LEN))) for _ in range(40)]
encoded_labels = np.array([1 if np.mean(r) > VOCAB / 2 else 0 for r in reviews])
features = pad_features(reviews, seq_length=SEQ_LEN)
split = int(len(features) * 0.8)
train_data = TensorDataset(torch.from_numpy(features[:split]), torch.from_numpy(encoded_labels[:split]))
valid_data = TensorDataset(torch.from_numpy(features[split:]), torch.from_numpy(encoded_labels[split:]))
train_loader = DataLoader(train_data, shuffle=True, batch_size=BATCH)
valid_loader = DataLoader(valid_data, shuffle=False, batch_size=BATCH)
dataiter = iter(train_loader)
sample_x, sample_y = next(dataiter)
print("Sample input size:", sample_x.size(), sample_x.dtype)
print("Sample label:", sample_y)


class PooledReader(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n_layers, spatial_dropout=0.2):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.dropout = nn.Dropout(spatial_dropout)
        self.gru = nn.GRU(embedding_dim, hidden_dim, n_layers, batch_first=True, bidirectional=True, dropout=0.3)
        self.layers = nn.ModuleDict({"dense": nn.Linear(hidden_dim * 4, 8), "out": nn.Linear(8, 1)})
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x):
        emb = self.dropout(self.embedding(x))
        h_gru, _ = self.gru(emb)
        avg_pool = torch.mean(h_gru, 1)
        max_pool, _ = torch.max(h_gru, 1)
        conc = torch.cat([avg_pool, max_pool], 1)
        return self.layers["out"](self.act(self.layers["dense"](conc))).view(-1)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Linear") != -1:
        nn.init.kaiming_normal_(m.weight.data, nonlinearity="relu")
        m.bias.data.fill_(0.01)
    elif classname.find("GRU") != -1:
        for param in chain(*m.all_weights):
            if len(param.shape) >= 2:
                nn.init.orthogonal_(param.data)


net = PooledReader(VOCAB, 6, 5, 2).double()
net.apply(weights_init)
print(net)
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.5]).double())
optimizer = torch.optim.Adamax(net.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, steps_per_epoch=len(train_loader), epochs=3)
losses = []
for e in range(3):
    net.train()
    for inputs, labels in train_loader:
        net.zero_grad()
        output = net(inputs)
        loss = criterion(output.squeeze(), labels.double())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    val_losses, num_correct = [], 0
    net.eval()
    for inputs, labels in valid_loader:
        output = net(inputs)
        val_losses.append(F.binary_cross_entropy(torch.sigmoid(output), labels.double()).item())
        pred = torch.round(torch.sigmoid(output))
        correct_tensor = pred.eq(labels.double().view_as(pred))
        correct = np.squeeze(correct_tensor.numpy())
        num_correct += np.sum(correct)
    print("Epoch: {}/{}...".format(e + 1, 3), "Loss: {:.6f}...".format(loss.item()), "Val Loss: {:.6f}".format(np.mean(val_losses)))
print("Test accuracy: {:.3f}".format(num_correct / len(valid_loader.dataset)))
