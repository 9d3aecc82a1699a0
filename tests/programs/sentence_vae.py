"""Sentences from a latent code: encoder GRU, reparametrised normal, decoder GRU, annealed divergence."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_default_dtype(torch.float64)
torch.manual_seed(31)

sentences = ["we go home", "they go out", "we stay here", "they stay out", "you go", "you stay home"]
w2i = {"<pad>": 0, "<sos>": 1, "<eos>": 2, "<unk>": 3}
for w in " ".join(sentences).split():
    if w not in w2i:
        w2i[w] = len(w2i)
i2w = {i: w for w, i in w2i.items()}


class Sentences(Dataset):
    def __len__(self):
        return len(sentences)

    def __getitem__(self, index):
        ids = [w2i[w] for w in sentences[index].split()]
        pad = [0] * (4 - len(ids))
        return {"input": torch.tensor([1] + ids + pad)[:5], "target": torch.tensor(ids + [2] + pad), "length": len(ids) + 1}


class SentenceVAE(nn.Module):
    def __init__(self, vocab_size, embedding_size=6, hidden_size=8, latent_size=3, word_dropout=0.3):
        super().__init__()
        self.word_dropout_rate = word_dropout
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.encoder_rnn = nn.GRU(embedding_size, hidden_size, batch_first=True, bidirectional=True)
        self.decoder_rnn = nn.GRU(embedding_size, hidden_size, batch_first=True)
        self.hidden2mean = nn.Linear(hidden_size * 2, latent_size)
        self.hidden2logv = nn.Linear(hidden_size * 2, latent_size)
        self.latent2hidden = nn.Linear(latent_size, hidden_size)
        self.outputs2vocab = nn.Linear(hidden_size, vocab_size)

    def forward(self, input_sequence, length):
        batch_size = input_sequence.size(0)
        sorted_lengths, sorted_idx = torch.sort(length, descending=True)
        input_sequence = input_sequence[sorted_idx]
        embedded = self.embedding(input_sequence)
        packed = nn.utils.rnn.pack_padded_sequence(embedded, sorted_lengths.tolist(), batch_first=True)
        _, hidden = self.encoder_rnn(packed)
        hidden = hidden.transpose(0, 1).contiguous().view(batch_size, -1)
        mean, logv = self.hidden2mean(hidden), self.hidden2logv(hidden)
        std = torch.exp(0.5 * logv)
        z = torch.randn([batch_size, mean.size(1)]) * std + mean
        hidden = torch.tanh(self.latent2hidden(z)).unsqueeze(0)
        if self.word_dropout_rate > 0:
            prob = torch.rand(input_sequence.size())
            prob[(input_sequence.data - 1) * (input_sequence.data - 0) == 0] = 1
            decoder_input_sequence = input_sequence.clone()
            decoder_input_sequence[prob < self.word_dropout_rate] = 3
            embedded = self.embedding(decoder_input_sequence)
        packed = nn.utils.rnn.pack_padded_sequence(embedded, sorted_lengths.data.tolist(), batch_first=True)
        outputs, _ = self.decoder_rnn(packed, hidden)
        padded_outputs = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)[0].contiguous()
        _, reversed_idx = torch.sort(sorted_idx)
        padded_outputs = padded_outputs[reversed_idx]
        b, s, _ = padded_outputs.size()
        logp = F.log_softmax(self.outputs2vocab(padded_outputs.view(-1, padded_outputs.size(2))), dim=-1)
        return logp.view(b, s, self.embedding.num_embeddings), mean, logv, z

    @torch.no_grad()
    def inference(self, z, max_length=6):
        hidden = torch.tanh(self.latent2hidden(z)).unsqueeze(0)
        word = torch.full((z.size(0),), 1, dtype=torch.long)
        generations = torch.zeros(z.size(0), max_length).long()
        running = torch.ones(z.size(0), dtype=torch.bool)
        for t in range(max_length):
            output, hidden = self.decoder_rnn(self.embedding(word.unsqueeze(1)), hidden)
            word = self.outputs2vocab(output).squeeze(1).argmax(-1)
            generations[running, t] = word[running]
            running &= word != 2
            if not running.any():
                break
        return generations


NLL = torch.nn.NLLLoss(reduction="sum", ignore_index=0)
kl_anneal = lambda step, k=0.5, x0=6: float(1 / (1 + math.exp(-k * (step - x0))))
model = SentenceVAE(len(w2i))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
step = 0
losses = []
for epoch in range(6):
    for batch in DataLoader(Sentences(), batch_size=3, shuffle=True):
        logp, mean, logv, z = model(batch["input"], batch["length"])
        target = batch["target"][:, : torch.max(batch["length"]).item()].contiguous().view(-1)
        nll = NLL(logp.view(-1, logp.size(2)), target)
        kl = -0.5 * torch.sum(1 + logv - mean.pow(2) - logv.exp())
        loss = (nll + kl_anneal(step) * kl) / len(batch["length"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        losses.append(loss.item())
    print("epoch %i loss %9.4f nll %9.4f kl %9.4f weight %6.3f" % (epoch, loss.item(), nll.item() / 3, kl.item() / 3, kl_anneal(step)))
z = torch.randn([2, 3])
for row in model.inference(z):
    print(" ".join(i2w[int(i)] for i in row if i > 2))
