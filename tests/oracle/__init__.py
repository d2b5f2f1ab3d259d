"""Tests against PyTorch; they are left out where it is not installed."""
