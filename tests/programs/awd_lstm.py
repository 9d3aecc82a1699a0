"""AWD-LSTM in small: dropped recurrent weights, one mask for all steps, activation penalties, averaged SGD at the end."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn import Parameter

torch.set_default_dtype(torch.float64)
np.random.seed(141)
torch.manual_seed(141)


class WeightDrop(nn.Module):
    def __init__(self, module, weights, dropout=0.0):
        super(WeightDrop, self).__init__()
        self.module = module
        self.weights = weights
        self.dropout = dropout
        self._setup()

    def _setup(self):
        for name_w in self.weights:
            w = getattr(self.module, name_w)
            del self.module._parameters[name_w]
            self.module.register_parameter(name_w + "_raw", Parameter(w.data))

    def _setweights(self):
        for name_w in self.weights:
            raw_w = getattr(self.module, name_w + "_raw")
            w = torch.nn.functional.dropout(raw_w, p=self.dropout, training=self.training)
            setattr(self.module, name_w, w if self.training else w.clone())

    def forward(self, *args):
        self._setweights()
        return self.module.forward(*args)


class LockedDropout(nn.Module):
    def forward(self, x, dropout=0.5):
        if not self.training or not dropout:
            return x
        m = torch.from_numpy(np.random.binomial(1, 1 - dropout, (1, x.size(1), x.size(2))).astype("float64"))
        mask = m / (1 - dropout)
        mask = mask.expand_as(x)
        return mask * x


def embedded_dropout(embed, words, dropout=0.1):
    if dropout:
        mask = embed.weight.data.new().resize_((embed.weight.size(0), 1)).bernoulli_(1 - dropout)
        mask = mask.expand_as(embed.weight) / (1 - dropout)
        masked_embed_weight = mask * embed.weight
    else:
        masked_embed_weight = embed.weight
    padding_idx = embed.padding_idx
    if padding_idx is None:
        padding_idx = -1
    return F.embedding(words, masked_embed_weight, padding_idx, embed.max_norm, embed.norm_type, embed.scale_grad_by_freq, embed.sparse)


class AWD(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers):
        super(AWD, self).__init__()
        self.lockdrop = LockedDropout()
        self.encoder = nn.Embedding(ntoken, ninp)
        rnns = [nn.LSTM(ninp if l == 0 else nhid, nhid if l != nlayers - 1 else ninp, 1, dropout=0) for l in range(nlayers)]
        self.rnns = nn.ModuleList([WeightDrop(rnn, ["weight_hh_l0"], dropout=0.3) for rnn in rnns])
        self.decoder = nn.Linear(ninp, ntoken)
        self.decoder.weight = self.encoder.weight
        self.encoder.weight.data.uniform_(-0.1, 0.1)
        self.decoder.bias.data.fill_(0)
        self.ninp, self.nhid, self.nlayers = ninp, nhid, nlayers

    def forward(self, input, hidden):
        emb = embedded_dropout(self.encoder, input, dropout=0.1 if self.training else 0)
        raw_output = self.lockdrop(emb, 0.2)
        new_hidden, raw_outputs, outputs = [], [], []
        for l, rnn in enumerate(self.rnns):
            raw_output, new_h = rnn(raw_output, hidden[l])
            new_hidden.append(new_h)
            raw_outputs.append(raw_output)
            if l != self.nlayers - 1:
                raw_output = self.lockdrop(raw_output, 0.2)
                outputs.append(raw_output)
        output = self.lockdrop(raw_output, 0.3)
        outputs.append(output)
        result = self.decoder(output.view(output.size(0) * output.size(1), output.size(2)))
        return result.view(output.size(0), output.size(1), result.size(1)), new_hidden, raw_outputs, outputs

    def init_hidden(self, bsz):
        weight = next(self.parameters()).data
        sizes = [self.nhid if l != self.nlayers - 1 else self.ninp for l in range(self.nlayers)]
        return [(weight.new(1, bsz, n).zero_(), weight.new(1, bsz, n).zero_()) for n in sizes]


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


ntokens, bsz, bptt = 11, 3, 6
data = torch.from_numpy((np.arange(40 * bsz) ** 2 % ntokens).reshape(bsz, -1)).t().contiguous()
model = AWD(ntokens, 8, 10, 2)
print(sorted(name for name, p in model.named_parameters()))
criterion = nn.CrossEntropyLoss()
params = list(model.parameters()) + list(criterion.parameters())
print("Model total parameters:", sum(x.size()[0] * x.size()[1] if len(x.size()) > 1 else x.size()[0] for x in params if x.size()))
optimizer = torch.optim.SGD(params, lr=2.0, weight_decay=1.2e-6)
losses = []
for epoch in range(4):
    if epoch == 2:
        optimizer = torch.optim.ASGD(model.parameters(), lr=1.0, t0=0, lambd=0.0, weight_decay=1.2e-6)
    hidden = model.init_hidden(bsz)
    model.train()
    batch, i = 0, 0
    while i < data.size(0) - 2:
        this = bptt if np.random.random() < 0.95 else bptt // 2
        seq_len = min(this, len(data) - 1 - i)
        lr2 = optimizer.param_groups[0]["lr"]
        optimizer.param_groups[0]["lr"] = lr2 * seq_len / bptt
        x, targets = data[i : i + seq_len], data[i + 1 : i + 1 + seq_len].view(-1)
        hidden = repackage_hidden(hidden)
        optimizer.zero_grad()
        output, hidden, rnn_hs, dropped_rnn_hs = model(x, hidden)
        raw_loss = criterion(output.view(-1, ntokens), targets)
        loss = raw_loss
        loss = loss + sum(2.0 * dropped.pow(2).mean() for dropped in dropped_rnn_hs[-1:])
        loss = loss + sum(1.0 * (rnn_h[1:] - rnn_h[:-1]).pow(2).mean() for rnn_h in rnn_hs[-1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 0.25)
        optimizer.step()
        losses.append(raw_loss.data.item())
        optimizer.param_groups[0]["lr"] = lr2
        i += seq_len
    model.eval()
    if "t0" in optimizer.param_groups[0]:
        tmp = {}
        for prm in model.parameters():
            tmp[prm] = prm.data.clone()
            prm.data = optimizer.state[prm]["ax"].clone()
    with torch.no_grad():
        output, *_ = model(data[:-1], model.init_hidden(bsz))
        val_loss = criterion(output.view(-1, ntokens), data[1:].reshape(-1)).item()
    if "t0" in optimizer.param_groups[0]:
        for prm in model.parameters():
            prm.data = tmp[prm].clone()
        del tmp, prm
    print("epoch {:2d} loss {:6.4f} valid {:6.4f}".format(epoch, losses[-1], val_loss))
    losses.append(val_loss)
