"""Style transfer by LBFGS, a spatial transformer with an adversary, a DCGAN, and layers changed by parametrizations."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.parametrize as parametrize
import torch.optim as optim
from torch.nn.utils import prune

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.set_default_device(device)


class ContentLoss(nn.Module):
    def __init__(self, target):
        super(ContentLoss, self).__init__()
        self.target = target.detach()

    def forward(self, input):
        self.loss = F.mse_loss(input, self.target)
        return input


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    G = torch.mm(features, features.t())
    return G.div(a * b * c * d)


class StyleLoss(nn.Module):
    def __init__(self, target_feature):
        super(StyleLoss, self).__init__()
        self.target = gram_matrix(target_feature).detach()

    def forward(self, input):
        G = gram_matrix(input)
        self.loss = F.mse_loss(G, self.target)
        return input


class Normalization(nn.Module):
    def __init__(self, mean, std):
        super(Normalization, self).__init__()
        self.mean = torch.tensor(mean).view(-1, 1, 1)
        self.std = torch.tensor(std).view(-1, 1, 1)

    def forward(self, img):
        return (img - self.mean) / self.std


cnn = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True)).eval()
content_img, style_img = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
content_layers, style_layers = ["conv_3"], ["conv_1", "conv_2", "conv_3"]
model = nn.Sequential(Normalization([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
content_losses, style_losses = [], []
i = 0
for layer in cnn.children():
    if isinstance(layer, nn.Conv2d):
        i += 1
        name = "conv_{}".format(i)
    elif isinstance(layer, nn.ReLU):
        name = "relu_{}".format(i)
        layer = nn.ReLU(inplace=False)
    elif isinstance(layer, nn.MaxPool2d):
        name = "pool_{}".format(i)
    else:
        raise RuntimeError("Unrecognized layer: {}".format(layer.__class__.__name__))
    model.add_module(name, layer)
    if name in content_layers:
        target = model(content_img).detach()
        content_loss = ContentLoss(target)
        model.add_module("content_loss_{}".format(i), content_loss)
        content_losses.append(content_loss)
    if name in style_layers:
        target_feature = model(style_img).detach()
        style_loss = StyleLoss(target_feature)
        model.add_module("style_loss_{}".format(i), style_loss)
        style_losses.append(style_loss)
for i in range(len(model) - 1, -1, -1):
    if isinstance(model[i], ContentLoss) or isinstance(model[i], StyleLoss):
        break
model = model[: (i + 1)]
print(model)
input_img = content_img.clone()
input_img.requires_grad_(True)
model.eval()
model.requires_grad_(False)
optimizer = optim.LBFGS([input_img])
run = [0]
while run[0] <= 20:

    def closure():
        with torch.no_grad():
            input_img.clamp_(0, 1)
        optimizer.zero_grad()
        model(input_img)
        style_score = content_score = 0
        for sl in style_losses:
            style_score += sl.loss
        for cl in content_losses:
            content_score += cl.loss
        style_score *= 1000
        loss = style_score + content_score
        loss.backward()
        run[0] += 1
        if run[0] in (1, 5, 10):
            print("run {}: Style Loss : {:3f} Content Loss: {:3f}".format(run, style_score.item(), content_score.item()))
        return style_score + content_score

    optimizer.step(closure)
with torch.no_grad():
    input_img.clamp_(0, 1)
print(input_img.shape, input_img.requires_grad, input_img.is_leaf)


class STN(nn.Module):
    def __init__(self):
        super().__init__()
        self.localization = nn.Sequential(nn.Conv2d(1, 4, kernel_size=5), nn.MaxPool2d(2, stride=2), nn.ReLU(True), nn.Conv2d(4, 6, kernel_size=3), nn.MaxPool2d(2, stride=2), nn.ReLU(True))
        self.fc_loc = nn.Sequential(nn.Linear(6 * 2 * 2, 16), nn.ReLU(True), nn.Linear(16, 3 * 2))
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data.copy_(torch.tensor([0.9, 0.05, 0.02, -0.03, 1.1, 0.01], dtype=torch.float))
        self.conv1 = nn.Conv2d(1, 6, kernel_size=3)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(6 * 7 * 7, 4)

    def stn(self, x):
        xs = self.localization(x)
        xs = xs.view(-1, 6 * 2 * 2)
        theta = self.fc_loc(xs)
        theta = theta.view(-1, 2, 3)
        grid = F.affine_grid(theta, x.size(), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def forward(self, x):
        x = self.stn(x)
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv1(x)), 2))
        x = x.view(-1, 6 * 7 * 7)
        x = F.dropout(x, training=self.training)
        return F.log_softmax(self.fc1(x), dim=1)


net = STN().to(device)
optimizer = optim.SGD(net.parameters(), lr=0.05)
y = torch.arange(16) % 4
data = torch.rand(4, 1, 16, 16)[y] + 0.1 * torch.randn(16, 1, 16, 16)
for epoch in range(4):
    optimizer.zero_grad()
    loss = F.nll_loss(net(data), y)
    loss.backward()
    optimizer.step()
    print("Train Epoch: {} Loss: {:.4f}".format(epoch, loss.item()))
net.eval()
print(net.stn(data)[0, 0, :2, :4], net.fc_loc[2].bias.grad.norm() > 0)
attacked = data.clone()
attacked.requires_grad = True
loss = F.nll_loss(net(attacked), y)
net.zero_grad()
loss.backward()
data_grad = attacked.grad.data
for epsilon in (0, 0.05):
    perturbed = torch.clamp(data + epsilon * data_grad.sign(), 0, 1)
    print(f"Epsilon: {epsilon}\t", f"{F.nll_loss(net(perturbed), y).item():.3f}", net(perturbed).max(1, keepdim=True)[1].eq(y.view(-1, 1)).sum())


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


nz, ngf = 8, 4
netG = nn.Sequential(nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True), nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True), nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False), nn.Tanh()).to(device)
netD = nn.Sequential(nn.Conv2d(3, ngf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(ngf, ngf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf * 2), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(ngf * 2, 1, 4, 1, 0, bias=False), nn.Sigmoid())
netG.apply(weights_init)
netD.apply(weights_init)
criterion = nn.BCELoss()
optimizerD = optim.Adam(netD.parameters(), lr=0.0002, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=0.0002, betas=(0.5, 0.999))
for i in range(3):
    netD.zero_grad()
    real_cpu = torch.rand(4, 3, 16, 16) * 2 - 1
    label = torch.full((4,), 1.0, dtype=torch.float, device=device)
    output = netD(real_cpu).view(-1)
    errD_real = criterion(output, label)
    errD_real.backward()
    D_x = output.mean().item()
    fake = netG(torch.randn(4, nz, 1, 1, device=device))
    label.fill_(0.0)
    output = netD(fake.detach()).view(-1)
    errD_fake = criterion(output, label)
    errD_fake.backward()
    D_G_z1 = output.mean().item()
    errD = errD_real + errD_fake
    optimizerD.step()
    netG.zero_grad()
    label.fill_(1.0)
    output = netD(fake).view(-1)
    errG = criterion(output, label)
    errG.backward()
    optimizerG.step()
    print("[%d/%d]\tLoss_D: %.4f\tLoss_G: %.4f\tD(x): %.4f\tD(G(z)): %.4f / %.4f" % (i, 3, errD.item(), errG.item(), D_x, D_G_z1, output.mean().item()))


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


class MatrixExponential(nn.Module):
    def forward(self, X):
        return torch.matrix_exp(X)


class Skew(nn.Module):
    def forward(self, X):
        A = X.triu(1)
        return A - A.transpose(-1, -2)


layer = nn.Linear(3, 3)
parametrize.register_parametrization(layer, "weight", Symmetric())
print(torch.allclose(layer.weight, layer.weight.T), layer)
layer.weight = torch.eye(3) * 2
print(layer.weight, layer.parametrizations.weight.original)
orthogonal = nn.Linear(3, 3)
parametrize.register_parametrization(orthogonal, "weight", Skew())
parametrize.register_parametrization(orthogonal, "weight", MatrixExponential())
X = orthogonal.weight
print(torch.dist(X.T @ X, torch.eye(3)) < 1e-5, len(orthogonal.parametrizations.weight), list(orthogonal.state_dict()))
with parametrize.cached():
    print(orthogonal(torch.ones(1, 3)).shape)
parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
print(layer, list(layer.state_dict()))
fc = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
prune.random_unstructured(fc[0], name="weight", amount=0.3)
prune.l1_unstructured(fc[0], name="bias", amount=2)
prune.ln_structured(fc[2], name="weight", amount=0.5, n=2, dim=0)
print(fc[0].weight_mask, fc[0].bias, [n for n, _ in fc.named_parameters()], [n for n, _ in fc.named_buffers()])
print("Sparsity: {:.2f}%".format(100.0 * float(torch.sum(fc[2].weight == 0)) / float(fc[2].weight.nelement())), fc(torch.ones(1, 6)).shape)
prune.remove(fc[0], "weight")
new = copy.deepcopy(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)))
prune.global_unstructured(((new[0], "weight"), (new[2], "weight")), pruning_method=prune.L1Unstructured, amount=0.5)
print(sum(int((m.weight == 0).sum()) for m in (new[0], new[2])), list(fc.state_dict()), prune.is_pruned(fc))
