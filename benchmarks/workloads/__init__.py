"""The training steps that benchmarks/steps.py times: what they are (`definitions`), and each library's own code for them."""
