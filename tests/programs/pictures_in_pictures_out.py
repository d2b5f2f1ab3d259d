"""Networks from picture to picture: sub-pixel super-resolution, style transfer by Gram matrices, a U-Net with skip connections."""

import math

import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init
from torch.nn.utils import parametrizations

import torch


class SuperResolution(nn.Module):
    def __init__(self, upscale_factor):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 16, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(16, 8, (3, 3), (1, 1), (1, 1))
        self.conv4 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        for conv in (self.conv1, self.conv2):
            init.orthogonal_(conv.weight, init.calculate_gain("relu"))
        init.orthogonal_(self.conv4.weight)

    def forward(self, x):
        return self.pixel_shuffle(self.conv4(self.relu(self.conv2(self.relu(self.conv1(x))))))


def wave(n, size, channels):
    yy, xx = torch.meshgrid(torch.linspace(0, 3, size), torch.linspace(0, 3, size), indexing="ij")
    phases = torch.arange(n * channels).view(n, channels, 1, 1)
    return torch.sin(xx * 2 + phases) * torch.cos(yy + phases / 2) / 2 + 0.5


torch.manual_seed(123)
target = wave(8, 16, 1)
small = F.interpolate(target, scale_factor=0.5, mode="bicubic", align_corners=False)
model, criterion = SuperResolution(2), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for epoch in range(6):
    optimizer.zero_grad()
    loss = criterion(model(small), target)
    loss.backward()
    optimizer.step()
    print(f"===> Epoch {epoch} Loss: {loss.item():.4f} PSNR {10 * math.log10(1 / loss.item()):.3f} dB")
print(torch.equal(F.pixel_unshuffle(F.pixel_shuffle(small.expand(-1, 4, -1, -1), 2), 2), small.expand(-1, 4, -1, -1)))


class ConvLayer(nn.Module):
    def __init__(self, n_in, n_out, kernel_size, stride, upsample=None):
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel_size // 2)
        self.conv2d = nn.Conv2d(n_in, n_out, kernel_size, stride)

    def forward(self, x):
        if self.upsample:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        return self.conv2d(self.reflection_pad(x))


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.in1 = ConvLayer(channels, channels, 3, 1), nn.InstanceNorm2d(channels, affine=True)
        self.conv2, self.in2 = ConvLayer(channels, channels, 3, 1), nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x):
        return self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x


class Features(nn.Module):
    """Frozen layers whose outputs are the content and the style."""

    def __init__(self):
        super().__init__()
        layers = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()
        )
        self.slice1, self.slice2 = nn.Sequential(), nn.Sequential()
        for i, layer in enumerate(layers):
            (self.slice1 if i < 2 else self.slice2).add_module(str(i), layer)
        self.requires_grad_(False)

    def forward(self, x):
        first = self.slice1(x)
        return first, self.slice2(first)


def gram_matrix(y):
    b, ch, h, w = y.size()
    features = y.view(b, ch, w * h)
    return features.bmm(features.transpose(1, 2)) / (ch * h * w)


def normalize_batch(batch):
    mean = batch.new_tensor([0.485, 0.456, 0.406]).view(-1, 1, 1)
    std = batch.new_tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
    return batch.div_(255.0).sub(mean) / std


torch.manual_seed(42)
transformer = nn.Sequential(
    ConvLayer(3, 6, 5, 1), nn.InstanceNorm2d(6, affine=True), nn.ReLU(), ConvLayer(6, 8, 3, 2), Residual(8),
    ConvLayer(8, 6, 3, 1, upsample=2), nn.ReLU(), ConvLayer(6, 3, 5, 1),
)  # fmt: skip
vgg, mse = Features(), nn.MSELoss()
style = wave(1, 16, 3).mul(255).repeat(2, 1, 1, 1)
gram_style = [gram_matrix(y) for y in vgg(normalize_batch(style))]
optimizer = torch.optim.Adam(transformer.parameters(), 1e-2)
for step in range(4):
    x = wave(2, 16, 3).roll(step, -1) * 255
    optimizer.zero_grad()
    y = transformer(x)
    y, x = normalize_batch(y), normalize_batch(x)
    features_y, features_x = vgg(y), vgg(x)
    content_loss = mse(features_y[1], features_x[1])
    style_loss = 0.0
    for ft_y, gm_s in zip(features_y, gram_style):
        style_loss += mse(gram_matrix(ft_y), gm_s[:2, :, :])
    variation = (y[..., 1:] - y[..., :-1]).abs().mean() + y.diff(dim=-2).abs().mean()
    total_loss = content_loss + 100 * style_loss + 0.1 * variation
    total_loss.backward()
    optimizer.step()
    print(step, f"content: {content_loss.item():.5f} style: {style_loss.item():.6f} total: {total_loss.item():.5f}")
print(sum(p.requires_grad for p in vgg.parameters()), [n for n, _ in vgg.named_children()])


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = self.double(3, 6), self.double(6, 8)
        self.middle = parametrizations.spectral_norm(nn.Conv2d(8, 8, 3, padding=2, dilation=2))
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
        self.up2 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.out = nn.Conv2d(12, 2, 1)

    @staticmethod
    def double(n_in, n_out):
        return nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1, padding_mode="replicate"), nn.GroupNorm(2, n_out), nn.SiLU()
        )

    def forward(self, x):
        a = self.down1(x)
        b = self.middle(self.down2(F.avg_pool2d(a, 2)))
        up = self.up(F.celu(b)) + self.up2(b)[:, :6]
        height, width = a.size(2) - up.size(2), a.size(3) - up.size(3)
        up = F.pad(up, [width // 2, width - width // 2, height // 2, height - height // 2])
        return self.out(torch.cat([a, up], dim=1))


def dice_loss(logits, mask):
    p = logits.softmax(1)[:, 1]
    return 1 - (2 * (p * mask).sum((-2, -1)) + 1) / (p.sum((-2, -1)) + mask.sum((-2, -1)) + 1)


torch.manual_seed(7)
unet, image = UNet(), wave(2, 15, 3)
mask = (image.mean(1) > 0.5).long()
optimizer = torch.optim.RMSprop(unet.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9, foreach=True)
weight = torch.tensor([0.4, 0.6])
for step in range(5):
    logits = unet(image)
    loss = F.cross_entropy(logits, mask, weight=weight) + dice_loss(logits, mask.float()).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    iou = ((logits.argmax(1) & mask).sum() / (logits.argmax(1) | mask).sum()).item()
    print(step, f"{loss.item():.4f} {iou:.4f}")
