"""Data sets for the recipes, and CSV files."""
