"""Which language is a name from? A recurrent network written by hand reads it letter by letter."""

import random
import string
import unicodedata

import torch
import torch.nn as nn
from torch.autograd import Variable

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
random.seed(0)

all_letters = string.ascii_letters + " .,;'"
n_letters = len(all_letters)


def unicode_to_ascii(s):
    return "".join(c for c in unicodedata.normalize("NFD", s) if unicodedata.category(c) != "Mn" and c in all_letters)


category_lines = {
    "Italian": ["Rossi", "Bianchi", "Esposito", "Ricci", "Colombo", "Niccolò"],
    "Polish": ["Kowalski", "Nowak", "Wójcik", "Zieliński", "Mazur"],
    "Irish": ["O'Neill", "Murphy", "Byrne", "Ó Dálaigh", "Nolan"],
}
category_lines = {k: [unicode_to_ascii(line) for line in v] for k, v in category_lines.items()}
all_categories = list(category_lines.keys())
n_categories = len(all_categories)


def letter_to_index(letter):
    return all_letters.find(letter)


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][letter_to_index(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = self.i2h(combined)
        output = self.i2o(combined)
        output = self.softmax(output)
        return output, hidden

    def init_hidden(self):
        return Variable(torch.zeros(1, self.hidden_size))


n_hidden = 16
rnn = RNN(n_letters, n_hidden, n_categories)
print(rnn)
print(line_to_tensor("Jones").size())


def category_from_output(output):
    top_n, top_i = output.data.topk(1)
    category_i = top_i[0][0]
    return all_categories[category_i], category_i


output, next_hidden = rnn(line_to_tensor("Nolan")[0], rnn.init_hidden())
print(output.data)
print(category_from_output(output)[0])


def random_training_pair():
    category = random.choice(all_categories)
    line = random.choice(category_lines[category])
    category_tensor = Variable(torch.LongTensor([all_categories.index(category)]))
    line_tensor = Variable(line_to_tensor(line))
    return category, line, category_tensor, line_tensor


criterion = nn.NLLLoss()
learning_rate = 0.005


def train(category_tensor, line_tensor):
    hidden = rnn.init_hidden()
    rnn.zero_grad()
    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)
    loss = criterion(output, category_tensor)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(-learning_rate, p.grad.data)
    return output, loss.item()


n_iters = 120
print_every = 30
losses = []
current_loss = 0

for iter in range(1, n_iters + 1):
    category, line, category_tensor, line_tensor = random_training_pair()
    output, loss = train(category_tensor, line_tensor)
    losses.append(loss)
    current_loss += loss
    if iter % print_every == 0:
        guess, guess_i = category_from_output(output)
        correct = "✓" if guess == category else "✗ (%s)" % category
        print("%d %d%% %.4f %s / %s %s" % (iter, iter / n_iters * 100, current_loss / print_every, line, guess, correct))
        current_loss = 0

confusion = torch.zeros(n_categories, n_categories)
for category, lines in category_lines.items():
    for line in lines:
        hidden = rnn.init_hidden()
        for letter in line_to_tensor(line):
            output, hidden = rnn(letter, hidden)
        guess, guess_i = category_from_output(output)
        confusion[all_categories.index(category)][guess_i] += 1
for i in range(n_categories):
    confusion[i] = confusion[i] / confusion[i].sum()
print(confusion)


def predict(input_line, n_predictions=3):
    print("\n> %s" % input_line)
    with torch.no_grad():
        hidden = rnn.init_hidden()
        for letter in line_to_tensor(input_line):
            output, hidden = rnn(letter, hidden)
        topv, topi = output.topk(n_predictions, 1, True)
        for i in range(n_predictions):
            value = topv[0][i].item()
            category_index = topi[0][i].item()
            print("(%.2f) %s" % (value, all_categories[category_index]))


predict("Ricci")
predict("Mazurek")
