"""Training: the loop, the run folder it writes, the file format of the weights, the progress it shows."""
