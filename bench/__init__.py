"""The benchmark suite: Minori against nginx and a bare log, measured in the same run (`python -m bench`)."""
