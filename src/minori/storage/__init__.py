"""Where things are kept: the seams (`base`), their contract suites (`contract`) and the drivers."""
