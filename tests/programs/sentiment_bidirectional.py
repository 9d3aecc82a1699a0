"""Is the review kind? Embedding, packing, a bidirectional LSTM, its last hidden states."""

import re
from collections import Counter

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.set_default_dtype(torch.float64)
torch.manual_seed(42)

reviews = [
    ("A warm, funny film; I loved every minute.", 1),
    ("Dull and far too long.", 0),
    ("I loved the songs!", 1),
    ("The plot is a mess and the jokes are dull", 0),
    ("Funny.", 1),
    ("Every minute felt too long... a mess.", 0),
]
tokenize = lambda text: re.findall(r"[a-z']+", text.lower())
counter = Counter(w for text, _ in reviews for w in tokenize(text))
vocab = {"<pad>": 0, "<unk>": 1}
for word, count in sorted(counter.items(), key=lambda kv: (-kv[1], kv[0])):
    if count > 1:
        vocab[word] = len(vocab)
encode = lambda text: torch.tensor([vocab.get(w, vocab["<unk>"]) for w in tokenize(text)])


class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, output_dim, n_layers, pad_idx):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=pad_idx)
        self.rnn = nn.LSTM(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=True)
        self.attention = nn.Linear(2 * hidden_dim, 1, bias=False)
        self.fc = nn.Linear(hidden_dim * 4, output_dim)
        self.dropout = nn.Dropout(0.25)

    def forward(self, text, text_lengths):
        embedded = self.dropout(self.embedding(text))
        packed_embedded = pack_padded_sequence(embedded, text_lengths.to("cpu"), enforce_sorted=False)
        packed_output, (hidden, cell) = self.rnn(packed_embedded)
        output, output_lengths = pad_packed_sequence(packed_output)
        scores = self.attention(output).squeeze(-1)
        mask = torch.arange(output.size(0)).unsqueeze(1) >= output_lengths.unsqueeze(0)
        weights = torch.softmax(scores.masked_fill(mask, float("-inf")), dim=0)
        pooled = (weights.unsqueeze(-1) * output).sum(0)
        hidden = torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)
        return self.fc(self.dropout(torch.cat([hidden, pooled], dim=1)))


def count_parameters(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


model = SentimentLSTM(len(vocab), 10, 8, 1, 2, vocab["<pad>"])
print(f"The model has {count_parameters(model):,} trainable parameters")
pretrained = torch.randn(len(vocab), 10)
model.embedding.weight.data.copy_(pretrained)
model.embedding.weight.data[vocab["<unk>"]] = torch.zeros(10)
model.embedding.weight.data[vocab["<pad>"]] = torch.zeros(10)
print(model.embedding.weight.data[:3])

optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
criterion = nn.BCEWithLogitsLoss()
text = pad_sequence([encode(t) for t, _ in reviews], padding_value=vocab["<pad>"])
lengths = torch.tensor([len(encode(t)) for t, _ in reviews])
labels = torch.tensor([y for _, y in reviews], dtype=torch.double)
print(text.shape, lengths)


def binary_accuracy(preds, y):
    rounded_preds = torch.round(torch.sigmoid(preds))
    correct = (rounded_preds == y).to(preds.dtype)
    return correct.sum() / len(correct)


losses = []
for epoch in range(10):
    model.train()
    optimizer.zero_grad()
    predictions = model(text, lengths).squeeze(1)
    loss = criterion(predictions, labels)
    acc = binary_accuracy(predictions, labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if epoch % 3 == 0:
        print(f"Epoch: {epoch + 1:02} | Train Loss: {loss:.3f} | Train Acc: {acc * 100:.2f}%")


def predict_sentiment(sentence):
    model.eval()
    tensor = encode(sentence).unsqueeze(1)
    prediction = torch.sigmoid(model(tensor, torch.LongTensor([len(tensor)])))
    return prediction.item()


print("%.4f %.4f" % (predict_sentiment("I loved it"), predict_sentiment("a dull mess")))
print(model.embedding.weight.grad[0].abs().sum().item(), model.embedding.weight[0].abs().sum().item())
