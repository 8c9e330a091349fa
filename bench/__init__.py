"""The benchmark suite: Minori beside nginx, peers and bare loops, measured in the same run (`python -m bench`)."""
