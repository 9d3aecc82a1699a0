"""Captions: a picture's features are the first word that the decoder reads. Greedy captions at the end."""

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.set_default_dtype(torch.float64)
torch.manual_seed(6)

captions_text = ["<start> a red ball <end>", "<start> two small blue boxes <end>", "<start> a blue ball on a box <end>"]
words = ["<pad>"] + sorted({w for c in captions_text for w in c.split()})
word2idx = {w: i for i, w in enumerate(words)}
features = torch.randn(3, 5)


def collate_fn(data):
    data.sort(key=lambda x: len(x[1]), reverse=True)
    images, captions = zip(*data)
    images = torch.stack(images, 0)
    lengths = [len(cap) for cap in captions]
    targets = torch.zeros(len(captions), max(lengths)).long()
    for i, cap in enumerate(captions):
        end = lengths[i]
        targets[i, :end] = cap[:end]
    return images, targets, lengths


class EncoderCNN(nn.Module):
    def __init__(self, in_features, embed_size):
        super(EncoderCNN, self).__init__()
        self.linear = nn.Linear(in_features, embed_size)
        self.bn = nn.BatchNorm1d(embed_size, momentum=0.01)

    def forward(self, features):
        features = features.reshape(features.size(0), -1)
        features = self.bn(self.linear(features))
        return features


class DecoderRNN(nn.Module):
    def __init__(self, embed_size, hidden_size, vocab_size, num_layers, max_seq_length=8):
        super(DecoderRNN, self).__init__()
        self.embed = nn.Embedding(vocab_size, embed_size)
        self.lstm = nn.LSTM(embed_size, hidden_size, num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, vocab_size)
        self.max_seg_length = max_seq_length

    def forward(self, features, captions, lengths):
        embeddings = self.embed(captions)
        embeddings = torch.cat((features.unsqueeze(1), embeddings), 1)
        packed = pack_padded_sequence(embeddings, lengths, batch_first=True)
        hiddens, _ = self.lstm(packed)
        outputs = self.linear(hiddens[0])
        return outputs

    def sample(self, features, states=None):
        sampled_ids = []
        inputs = features.unsqueeze(1)
        for i in range(self.max_seg_length):
            hiddens, states = self.lstm(inputs, states)
            outputs = self.linear(hiddens.squeeze(1))
            _, predicted = outputs.max(1)
            sampled_ids.append(predicted)
            inputs = self.embed(predicted)
            inputs = inputs.unsqueeze(1)
        sampled_ids = torch.stack(sampled_ids, 1)
        return sampled_ids


dataset = [(f, torch.Tensor([word2idx[w] for w in c.split()]).long()) for f, c in zip(features, captions_text)]
encoder = EncoderCNN(5, 6)
decoder = DecoderRNN(6, 12, len(words), 1)
criterion = nn.CrossEntropyLoss()
params = list(decoder.parameters()) + list(encoder.linear.parameters()) + list(encoder.bn.parameters())
optimizer = torch.optim.Adam(params, lr=0.05)
losses = []
for epoch in range(15):
    images, captions, lengths = collate_fn(list(dataset))
    targets = pack_padded_sequence(captions, lengths, batch_first=True)[0]
    outputs = decoder(encoder(images), captions, lengths)
    loss = criterion(outputs, targets)
    decoder.zero_grad()
    encoder.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if epoch % 5 == 0:
        print("Epoch [{}/{}], Loss: {:.4f}, Perplexity: {:5.4f}".format(epoch, 15, loss.item(), torch.exp(loss).item()))

encoder = encoder.eval()
feature = encoder(features[:1])
sampled_ids = decoder.sample(feature)
sampled_ids = sampled_ids[0].cpu().numpy()
sampled_caption = []
for word_id in sampled_ids:
    word = words[word_id]
    sampled_caption.append(word)
    if word == "<end>":
        break
print(" ".join(sampled_caption))
print(encoder.bn.running_mean, encoder.bn.num_batches_tracked)
