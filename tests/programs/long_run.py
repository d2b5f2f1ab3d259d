"""A residual network trained as in a long run: meters, top-k accuracy, warm-up and steps, gradient accumulation, resuming, fusing."""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from enum import Enum

import torch.backends.cudnn as cudnn
import torch.distributed as dist
import torch.nn as nn
import torch.nn.parallel
import torch.optim
import torch.utils.data
import torch.utils.data.distributed
from torch.optim.lr_scheduler import LinearLR, MultiStepLR, SequentialLR
from torch.utils.data import Subset

import torch

parser = argparse.ArgumentParser(description="training")
parser.add_argument("-j", "--workers", default=0, type=int)
parser.add_argument("--epochs", default=3, type=int)
parser.add_argument("--resume", default="", type=str)
parser.add_argument("--world-size", default=-1, type=int)
parser.add_argument("--seed", default=4, type=int)
parser.add_argument("--multiprocessing-distributed", action="store_true")


class Block(nn.Module):
    expansion: int = 1

    def __init__(self, inplanes, planes, stride=1, groups=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes=8):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding="same", bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1, self.layer2 = Block(8, 8), Block(8, 16, 2, groups=4)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
        nn.init.zeros_(self.layer1.bn2.weight)

    def forward(self, x):
        x = self.layer2(self.layer1(self.maxpool(self.stem(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class FakeData(torch.utils.data.Dataset):
    def __init__(self, n, transform=None):
        self.n, self.transform = n, transform

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        generator = torch.Generator()
        generator.manual_seed(i)
        img = torch.rand(3, 12, 12, generator=generator)
        target = i % 8
        img[target % 3, target] += 1.0
        return (self.transform(img) if self.transform else img), target


class Summary(Enum):
    NONE = 0
    AVERAGE = 1


class AverageMeter:
    def __init__(self, name, fmt=":f", summary_type=Summary.AVERAGE):
        self.name, self.fmt, self.summary_type = name, fmt, summary_type
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val, self.sum, self.count = val, self.sum + val * n, self.count + n
        self.avg = self.sum / self.count

    def __str__(self):
        return ("{name} {val" + self.fmt + "} ({avg" + self.fmt + "})").format(**self.__dict__)


def accuracy(output, target, topk=(1,)):
    with torch.no_grad():
        maxk, batch_size = max(topk), target.size(0)
        _, pred = output.topk(maxk, 1, True, True)
        pred = pred.t()
        correct = pred.eq(target.view(1, -1).expand_as(pred))
        return [correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / batch_size) for k in topk]


def train(loader, model, criterion, optimizer, scaler, device, epoch, accumulate=2):
    losses, top1, top5 = AverageMeter("Loss", ":.4f"), AverageMeter("Acc@1", ":6.2f"), AverageMeter("Acc@5", ":6.2f")
    model.train()
    end = time.time()
    for i, (images, target) in enumerate(loader):
        images, target = images.to(device, non_blocking=True), target.to(device, non_blocking=True)
        with torch.autocast(device_type=device.type, enabled=False):
            output = model(images)
            loss = criterion(output, target)
        acc1, acc5 = accuracy(output, target, topk=(1, 5))
        losses.update(loss.item(), images.size(0))
        top1.update(acc1[0].item(), images.size(0))
        top5.update(acc5[0].item(), images.size(0))
        scaler.scale(loss / accumulate).backward()
        if (i + 1) % accumulate == 0:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_value_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
    assert time.time() >= end
    print(f"Epoch: [{epoch}]", losses, top1, top5, sep="\t")


def validate(loader, model, criterion, device):
    top1 = AverageMeter("Acc@1", ":6.2f")
    model.eval()
    with torch.inference_mode():
        for images, target in loader:
            output = model(images.to(device))
            top1.update(accuracy(output, target)[0].item(), images.size(0))
            total = criterion(output, target)
    print(f" * {top1} {total:.4f}")
    return top1.avg


def save_checkpoint(state, is_best, folder):
    torch.save(state, os.path.join(folder, "checkpoint.pth.tar"))
    if is_best:
        shutil.copyfile(os.path.join(folder, "checkpoint.pth.tar"), os.path.join(folder, "model_best.pth.tar"))


def worker(args, folder):
    if args.multiprocessing_distributed:
        dist.init_process_group(backend="nccl", world_size=args.world_size, rank=0)
    device = torch.device("cuda:0") if torch.cuda.is_available() else torch.device("cpu")
    model = ResNet()
    if dist.is_available() and dist.is_initialized():
        model = torch.nn.parallel.DistributedDataParallel(model)
    model.to(device)
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        (no_decay if p.ndim <= 1 or name.endswith(".bias") else decay).append(p)
    groups = [{"params": decay, "weight_decay": 1e-2}, {"params": no_decay, "weight_decay": 0.0}]
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1).to(device)
    optimizer = torch.optim.SGD(groups, 0.1, momentum=0.9, nesterov=True)
    warmup, later = LinearLR(optimizer, 0.2, total_iters=1), MultiStepLR(optimizer, [1], gamma=0.3)
    scheduler = SequentialLR(optimizer, [warmup, later], milestones=[1])
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    start, best = 0, 0.0
    if args.resume:
        checkpoint = torch.load(args.resume, map_location=device)
        start, best = checkpoint["epoch"], checkpoint["best_acc1"]
        model.load_state_dict(checkpoint["state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        print(f"=> loaded checkpoint (epoch {start}) lr {scheduler.get_last_lr()}")
    flip = lambda x: x.flip(-1) if torch.rand(1).item() < 0.5 else x  # noqa: E731
    train_set, val_set = FakeData(64, flip), Subset(FakeData(1000), range(500, 532))
    loader = torch.utils.data.DataLoader(
        train_set, batch_size=8, shuffle=True, num_workers=args.workers, drop_last=True
    )
    val_loader = torch.utils.data.DataLoader(val_set, batch_size=32, pin_memory=True)
    for epoch in range(start, args.epochs):
        train(loader, model, criterion, optimizer, scaler, device, epoch)
        acc1 = validate(val_loader, model, criterion, device)
        scheduler.step()
        is_best, best = acc1 > best, max(acc1, best)
        state = {"epoch": epoch + 1, "state_dict": model.state_dict(), "best_acc1": best, "optimizer": optimizer.state_dict(),
                 "scheduler": scheduler.state_dict()}  # fmt: skip
        save_checkpoint(state, is_best, folder)
    return model.eval()


args = parser.parse_args()
random.seed(args.seed)
torch.manual_seed(args.seed)
cudnn.deterministic, cudnn.benchmark = True, False
if args.world_size > 1:
    warnings.warn("one process")
    sys.exit(1)
folder = tempfile.mkdtemp()
worker(args, folder)
args.resume, args.epochs = os.path.join(folder, "checkpoint.pth.tar"), 4
model = worker(args, folder)
fused = nn.utils.fusion.fuse_conv_bn_eval(model.stem[0], model.stem[1])
x = torch.rand(2, 3, 12, 12)
print(torch.allclose(fused(x), model.stem[1](model.stem[0](x)), atol=1e-5), fused.bias is not None)
