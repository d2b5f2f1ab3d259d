"""The beginner's tutorials: a training loop with its test loop, saving and loading, a LeNet, and a classifier's accuracies."""

import os

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
print(f"Using {device} device")
torch.manual_seed(0)


class Shapes(Dataset):
    def __init__(self, n, transform=None, target_transform=None):
        self.labels = torch.arange(n) % 4
        self.images = torch.zeros(n, 1, 12, 12)
        for i, k in enumerate(self.labels.tolist()):
            r, c = divmod(k, 2)
            self.images[i, 0, 6 * r : 6 * r + 6, 6 * c : 6 * c + 6] = 1.0
        self.images += 0.3 * torch.randn_like(self.images)
        self.transform, self.target_transform = transform, target_transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        image, label = self.images[idx], int(self.labels[idx])
        if self.transform:
            image = self.transform(image)
        if self.target_transform:
            label = self.target_transform(label)
        return image, label


training_data, test_data = random_split(Shapes(96, transform=lambda x: (x - 0.25) / 0.5), [64, 32])
train_dataloader = DataLoader(training_data, batch_size=16, shuffle=True)
test_dataloader = DataLoader(test_data, batch_size=16)
for X, y in test_dataloader:
    print(f"Shape of X [N, C, H, W]: {X.shape}")
    print(f"Shape of y: {y.shape} {y.dtype}")
    break


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(nn.Linear(12 * 12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        x = self.flatten(x)
        return self.linear_relu_stack(x)


model = NeuralNetwork().to(device)
print(model)
for name, param in model.named_parameters():
    print(f"Layer: {name} | Size: {param.size()} | Values : {param[:2]} \n")
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-1)


def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        X, y = X.to(device), y.to(device)
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 2 == 0:
            loss, current = loss.item(), (batch + 1) * len(X)
            print(f"loss: {loss:>7f}  [{current:>5d}/{size:>5d}]")


def test(dataloader, model, loss_fn):
    size = len(dataloader.dataset)
    num_batches = len(dataloader)
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            X, y = X.to(device), y.to(device)
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    test_loss /= num_batches
    correct /= size
    print(f"Test Error: \n Accuracy: {(100 * correct):>0.1f}%, Avg loss: {test_loss:>8f} \n")


for t in range(3):
    print(f"Epoch {t + 1}\n-------------------------------")
    train(train_dataloader, model, loss_fn, optimizer)
    test(test_dataloader, model, loss_fn)
torch.save(model.state_dict(), "model.pth")
again = NeuralNetwork().to(device)
print(again.load_state_dict(torch.load("model.pth", weights_only=True)))
again.eval()
x, y = test_data[0][0], test_data[0][1]
with torch.no_grad():
    pred = again(x.to(device))
    print(f'Predicted: "{pred[0].argmax(0)}", Actual: "{y}"', again.linear_relu_stack(torch.zeros(144)))

# a LeNet, its graph, and an update by hand
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, input):
        c1 = F.relu(self.conv1(input))
        s2 = F.max_pool2d(c1, (2, 2))
        c3 = F.relu(self.conv2(s2))
        s4 = F.max_pool2d(c3, 2)
        s4 = torch.flatten(s4, 1)
        f5 = F.relu(self.fc1(s4))
        f6 = F.relu(self.fc2(f5))
        output = self.fc3(f6)
        return output


net = Net()
print(net)
params = list(net.parameters())
print(len(params), params[0].size())
input = torch.randn(1, 1, 32, 32)
out = net(input)
print(out)
net.zero_grad()
out.backward(torch.randn(1, 10), retain_graph=True)
target = torch.randn(10).view(1, -1)
criterion = nn.MSELoss()
loss = criterion(out, target)
print(loss)
print(loss.grad_fn)
print(loss.grad_fn.next_functions[0][0])
print(loss.grad_fn.next_functions[0][0].next_functions[0][0])
net.zero_grad()
print("conv1.bias.grad before backward", net.conv1.bias.grad)
loss.backward()
print("conv1.bias.grad after backward", net.conv1.bias.grad)
learning_rate = 0.01
for f in net.parameters():
    f.data.sub_(f.grad.data * learning_rate)
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
print(optimizer)
print("Optimizer's state_dict:")
for var_name in optimizer.state_dict():
    print(var_name, "\t", optimizer.state_dict()[var_name])
running_loss = 0.0
for i in range(4):
    optimizer.zero_grad()
    loss = criterion(net(input), target)
    loss.backward()
    optimizer.step()
    running_loss += loss.item()
    if i % 2 == 1:
        print(f"[{1}, {i + 1:5d}] loss: {running_loss / 2:.3f}")
        running_loss = 0.0
torch.save({"epoch": 4, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict(), "loss": loss}, "net.tar")
checkpoint = torch.load("net.tar", weights_only=False)
net2 = Net()
net2.load_state_dict(checkpoint["model_state_dict"])
opt2 = optim.SGD(net2.parameters(), lr=0.1)
opt2.load_state_dict(checkpoint["optimizer_state_dict"])
for n, o in ((net, optimizer), (net2, opt2)):
    o.zero_grad()
    criterion(n(input), target).backward()
    o.step()
print(torch.equal(net.fc3.weight, net2.fc3.weight), checkpoint["epoch"], checkpoint["loss"], os.path.exists("net.tar"))
try:
    net2.load_state_dict({"conv1.weight": torch.zeros(6, 1, 3, 3), "x": torch.zeros(1)})
except RuntimeError as e:
    print("Missing key(s)" in str(e), "Unexpected key(s)" in str(e), "size mismatch" in str(e))
print(net2.load_state_dict({"conv1.bias": torch.zeros(6), "x": torch.zeros(1)}, strict=False))

# transfer learning: all but the last layer is frozen
for param in net.parameters():
    param.requires_grad = False
net.fc3 = nn.Linear(net.fc3.in_features, 2)
opt = optim.SGD(net.fc3.parameters(), lr=0.01, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.1)
X, Y = torch.randn(16, 1, 32, 32), torch.arange(16) % 2
dataloaders = {p: DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=p == "train") for p in ("train", "val")}
best_acc = 0.0
for epoch in range(3):
    for phase in ["train", "val"]:
        net.train() if phase == "train" else net.eval()
        running_loss, running_corrects = 0.0, 0
        for inputs, labels in dataloaders[phase]:
            opt.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                outputs = net(inputs)
                _, preds = torch.max(outputs, 1)
                loss = F.cross_entropy(outputs, labels)
                if phase == "train":
                    loss.backward()
                    opt.step()
            running_loss += loss.item() * inputs.size(0)
            running_corrects += torch.sum(preds == labels.data)
        if phase == "train":
            scheduler.step()
        epoch_acc = running_corrects.double() / 16
        print(f"{phase} Loss: {running_loss / 16:.4f} Acc: {epoch_acc:.4f}", scheduler.get_last_lr())
        if phase == "val" and epoch_acc > best_acc:
            best_acc = epoch_acc
print(f"Best val Acc: {best_acc:4f}", [n for n, p in net.named_parameters() if p.requires_grad], net.conv1.weight.grad is not None)
