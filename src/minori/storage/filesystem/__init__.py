"""The driver that keeps the bytes of files on one machine: a folder of files, each named by its blob's id."""
