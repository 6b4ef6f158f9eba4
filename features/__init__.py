"""The repository of Feast: which features there are, and where they are kept."""
