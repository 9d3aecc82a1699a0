"""Names again, many at once: padded, packed, through a GRU."""

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, Dataset

torch.set_default_dtype(torch.float64)
torch.manual_seed(1)

HIDDEN_SIZE, BATCH_SIZE, N_LAYERS, N_EPOCHS, N_CHARS = 12, 4, 2, 3, 128
data = [("Rossi", 0), ("Bianchi", 0), ("Esposito", 0), ("Kowalski", 1), ("Nowak", 1), ("Mazur", 1), ("Murphy", 2), ("Byrne", 2), ("Li", 2)]


class NameDataset(Dataset):
    def __init__(self, rows):
        self.names = [r[0] for r in rows]
        self.countries = [r[1] for r in rows]
        self.len = len(self.countries)

    def __getitem__(self, index):
        return self.names[index], self.countries[index]

    def __len__(self):
        return self.len


train_loader = DataLoader(dataset=NameDataset(data), batch_size=BATCH_SIZE, shuffle=True)


def str2ascii_arr(msg):
    arr = [ord(c) for c in msg]
    return arr, len(arr)


def make_tensors(names, countries):
    sequences_and_lengths = [str2ascii_arr(name) for name in names]
    vectorized_seqs = [sl[0] for sl in sequences_and_lengths]
    seq_lengths = torch.LongTensor([sl[1] for sl in sequences_and_lengths])

    seq_tensor = torch.zeros((len(vectorized_seqs), seq_lengths.max())).long()
    for idx, (seq, seq_len) in enumerate(zip(vectorized_seqs, seq_lengths)):
        seq_tensor[idx, :seq_len] = torch.LongTensor(seq)

    # the longest first, as packing wants them
    seq_lengths, perm_idx = seq_lengths.sort(0, descending=True)
    seq_tensor = seq_tensor[perm_idx]
    target = countries[perm_idx]
    return seq_tensor, seq_lengths, target


class RNNClassifier(nn.Module):
    def __init__(self, input_size, hidden_size, output_size, n_layers=1, bidirectional=True):
        super().__init__()
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.n_directions = int(bidirectional) + 1
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, n_layers, bidirectional=bidirectional)
        self.fc = nn.Linear(hidden_size * self.n_directions, output_size)

    def forward(self, input, seq_lengths):
        input = input.t()
        batch_size = input.size(1)
        hidden = self._init_hidden(batch_size)
        embedded = self.embedding(input)
        gru_input = pack_padded_sequence(embedded, seq_lengths.data.cpu().numpy())
        self.gru.flatten_parameters()
        output, hidden = self.gru(gru_input, hidden)
        if self.n_directions == 2:
            hidden_cat = torch.cat([hidden[-1], hidden[-2]], dim=1)
        else:
            hidden_cat = hidden[-1]
        return self.fc(hidden_cat)

    def _init_hidden(self, batch_size):
        return torch.zeros(self.n_layers * self.n_directions, batch_size, self.hidden_size)


classifier = RNNClassifier(N_CHARS, HIDDEN_SIZE, 3, N_LAYERS)
if torch.cuda.device_count() > 1:
    classifier = nn.DataParallel(classifier)
if torch.cuda.is_available():
    classifier.cuda()
print(classifier)

optimizer = torch.optim.Adam(classifier.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
losses = []

for epoch in range(1, N_EPOCHS + 1):
    total_loss = 0
    for i, (names, countries) in enumerate(train_loader, 1):
        input, seq_lengths, target = make_tensors(names, countries)
        output = classifier(input, seq_lengths)
        loss = criterion(output, target)
        total_loss += loss.item()
        losses.append(loss.item())
        classifier.zero_grad()
        loss.backward()
        optimizer.step()
        print(
            "[{}] Train Epoch: {} [{}/{} ({:.0f}%)]\tLoss: {:.2f}".format(
                "0s", epoch, i * len(names), len(train_loader.dataset), 100.0 * i * len(names) / len(train_loader.dataset), total_loss / i
            )
        )

correct = 0
with torch.no_grad():
    for names, countries in DataLoader(NameDataset(data), batch_size=BATCH_SIZE):
        input, seq_lengths, target = make_tensors(names, countries)
        output = classifier(input, seq_lengths)
        pred = output.data.max(1, keepdim=True)[1]
        correct += pred.eq(target.data.view_as(pred)).cpu().sum()
print("Accuracy: {}/{} ({:.0f}%)".format(correct, len(data), 100.0 * correct / len(data)))
print(np.asarray(pred).ravel().tolist())
