"""Experiments: result directories."""
