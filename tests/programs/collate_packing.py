"""A dataset of sequences of any length, a collate function that sorts and packs them, per-step losses without the padding."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.rnn as rnn_utils
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(0)
rs = np.random.RandomState(0)


class Walks(Dataset):
    """Random walks; predict the direction of the next step."""

    def __init__(self, n):
        self.walks = [rs.randn(rs.randint(2, 9)).cumsum() for _ in range(n)]

    def __len__(self):
        return len(self.walks)

    def __getitem__(self, i):
        w = torch.as_tensor(self.walks[i])
        return {"x": w[:-1].unsqueeze(-1), "y": (w[1:] > w[:-1]).long(), "id": i}


def collate_fn(batch):
    batch.sort(key=lambda d: len(d["x"]), reverse=True)
    lengths = [len(d["x"]) for d in batch]
    xs = rnn_utils.pad_sequence([d["x"] for d in batch], batch_first=True)
    ys = rnn_utils.pad_sequence([d["y"] for d in batch], batch_first=True, padding_value=-100)
    return rnn_utils.pack_padded_sequence(xs, lengths, batch_first=True), ys, [d["id"] for d in batch]


dataset = Walks(20)
train_set, test_set = random_split(dataset, [16, 4])
train_loader = DataLoader(train_set, batch_size=5, shuffle=True, collate_fn=collate_fn, num_workers=0, drop_last=True)
test_loader = DataLoader(test_set, batch_size=4, collate_fn=collate_fn)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 7, num_layers=1, batch_first=True, bidirectional=False)
        self.out = nn.Linear(7, 2)

    def forward(self, packed):
        y, h = self.rnn(packed)
        y, lens = rnn_utils.pad_packed_sequence(y, batch_first=True)
        return self.out(F.relu(y)), lens


net = Net().double()
params = [{"params": net.rnn.parameters()}, {"params": net.out.parameters(), "lr": 1e-2}]
optimizer = torch.optim.AdamW(params, lr=5e-3, weight_decay=0.1)
lr_lambda = lambda epoch: 0.9**epoch
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)
losses = []
for epoch in range(4):
    net.train()
    for i, (packed, target, ids) in enumerate(train_loader):
        optimizer.zero_grad()
        logits, lens = net(packed)
        loss = F.cross_entropy(logits.view(-1, 2), target.view(-1), ignore_index=-100)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    net.eval()
    hits = total = 0
    with torch.no_grad():
        for packed, target, ids in test_loader:
            logits, lens = net(packed)
            mask = target != -100
            hits += (logits.argmax(2)[mask] == target[mask]).sum().item()
            total += int(mask.sum())
    print(f"epoch {epoch}: lr {[round(g['lr'], 6) for g in optimizer.param_groups]} accuracy {hits}/{total}")
print(packed.batch_sizes, packed.data.shape, lens, sorted(ids))
unpadded = rnn_utils.unpad_sequence(logits, lens, batch_first=True)
print([tuple(u.shape) for u in unpadded])
