"""REINFORCE with a memory: the reward is for repeating at the end what was shown at the beginning."""

from itertools import count

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

torch.manual_seed(543)
rng = np.random.RandomState(543)
eps = np.finfo(np.float64).eps.item()


class Recall:
    """Shows a symbol, waits, and asks for it."""

    def reset(self):
        self.symbol, self.t = rng.randint(3), 0
        return np.eye(4)[self.symbol]

    def step(self, action):
        self.t += 1
        done = self.t == 3
        return np.eye(4)[3], float(done and action == self.symbol) - 0.1 * float(action != 0 and not done), done


class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.gru = nn.GRUCell(4, 8)
        self.action_head = nn.Linear(8, 3)
        self.value_head = nn.Linear(8, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x, h):
        h = self.gru(x, h)
        action_prob = F.softmax(self.action_head(h), dim=-1)
        return action_prob, self.value_head(h), h


policy = Policy().double()
optimizer = optim.Adam(policy.parameters(), lr=3e-2)
env = Recall()
losses = []


def select_action(state, h):
    state = torch.from_numpy(state).unsqueeze(0)
    probs, state_value, h = policy(state, h)
    m = Categorical(probs)
    action = m.sample()
    policy.saved_actions.append((m.log_prob(action), state_value, m.entropy()))
    return action.item(), h


def finish_episode(gamma=0.9):
    R = 0
    policy_losses, value_losses, returns = [], [], []
    for r in policy.rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns, dtype=torch.double)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for (log_prob, value, entropy), R in zip(policy.saved_actions, returns):
        advantage = R - value.item()
        policy_losses.append(-log_prob * advantage - 0.01 * entropy)
        value_losses.append(F.smooth_l1_loss(value.view(-1), R.view(1)))
    optimizer.zero_grad()
    loss = torch.cat(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    del policy.rewards[:]
    del policy.saved_actions[:]


running_reward = 0.0
for i_episode in range(30):
    state, ep_reward, h = env.reset(), 0, None
    for t in count(1):
        action, h = select_action(state, h)
        state, reward, done = env.step(action)
        policy.rewards.append(reward)
        ep_reward += reward
        if done:
            break
    running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
    finish_episode()
    if i_episode % 10 == 0:
        print("Episode {}\tLast reward: {:.2f}\tAverage reward: {:.2f}".format(i_episode, ep_reward, running_reward))
d = Categorical(logits=torch.tensor([[0.0, 1.0, 2.0]]).double())
print(d.probs, d.entropy(), d.log_prob(torch.tensor([2])))
